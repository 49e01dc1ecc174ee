#include "gyre/io/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "gyre/runtime/loop.h"

namespace gyre {

result<pipe> pipe::create(std::size_t capacity) {
  const bool nonblocking = loop::current().kernel().nonblocking();
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)) != 0)
    return errno_error(errno);
  // Refused above the limit for unprivileged users: the pipe then keeps the size it has.
  fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(capacity));
  const int size = fcntl(ends[1], F_GETPIPE_SZ);
  return pipe(ends[0], ends[1], size > 0 ? static_cast<std::size_t>(size) : 4096);
}

}  // namespace gyre
