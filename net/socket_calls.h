#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"

/// System calls on sockets that wait for nothing.
namespace gyre::socket_calls {

/// 0 is success, all else an error that `errno` tells.
result<void> to_result(int answer) noexcept;

/// A new socket, close-on-exec. See socket(2).
result<descriptor> open(int family, int type, int protocol, bool nonblocking) noexcept;

/// Switches O_NONBLOCK.
result<void> set_nonblocking(descriptor& socket, bool on) noexcept;

/// setsockopt(2) of a number; `invalid_argument` where it is no int.
result<void> set_option(descriptor& socket, int level, int option, std::int64_t wanted) noexcept;

/// A socket's address as the kernel fills it in.
class name {
 public:
  name() noexcept : address(), size(sizeof address) {}

  sockaddr_storage address;
  socklen_t size;
};
result<name> local_name(const descriptor& socket) noexcept;
result<name> peer_name(const descriptor& socket) noexcept;

}  // namespace gyre::socket_calls
