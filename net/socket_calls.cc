#include "gyre/net/socket_calls.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

namespace gyre::socket_calls {
namespace {

using name_call = int (*)(int, sockaddr*, socklen_t*);

result<name> name_of(const descriptor& socket, name_call call) noexcept {
  name found;
  if (call(socket.number(), reinterpret_cast<sockaddr*>(&found.address), &found.size) != 0)
    return errno_error(errno);
  return found;
}

}  // namespace

result<void> to_result(int answer) noexcept {
  if (answer != 0) return errno_error(errno);
  return {};
}

result<descriptor> open(int family, int type, int protocol, bool nonblocking) noexcept {
  const int fd =
      ::socket(family, type | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), protocol);
  if (fd < 0) return errno_error(errno);
  return descriptor(fd);
}

result<void> set_nonblocking(descriptor& socket, bool on) noexcept {
  int nonblocking = on;
  return to_result(ioctl(socket.number(), FIONBIO, &nonblocking));
}

result<void> set_option(descriptor& socket, int level, int option, std::int64_t wanted) noexcept {
  if (!std::in_range<int>(wanted)) return std::errc::invalid_argument;
  const auto value = static_cast<int>(wanted);
  return to_result(setsockopt(socket.number(), level, option, &value, sizeof value));
}

result<name> local_name(const descriptor& socket) noexcept {
  return name_of(socket, getsockname);
}
result<name> peer_name(const descriptor& socket) noexcept {
  return name_of(socket, getpeername);
}

}  // namespace gyre::socket_calls
