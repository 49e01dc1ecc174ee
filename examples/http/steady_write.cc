#include "gyre/examples/http/steady_write.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

namespace http {

int held_bytes(gyre::tcp_stream& to) noexcept {
  int held = 0;
  return ioctl(to.socket().number(), SIOCOUTQ, &held) == 0 ? held : 0;
}

}  // namespace http
