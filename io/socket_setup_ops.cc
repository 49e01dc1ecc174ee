#include "gyre/io/socket_setup_ops.h"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <cstring>

#include "gyre/io/system_call.h"
#include "gyre/io/uring_abi.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/loop.h"

namespace gyre::op {
namespace {

socklen_t length_of(std::span<const std::byte> value) noexcept {
  return static_cast<socklen_t>(std::min<std::size_t>(value.size(), INT_MAX));
}

// The entry has the level and the option where others have an address, and the value where others
// have nothing: liburing 2.3 has no names for these places.
void prepare_command(io_uring_sqe& sqe, std::uint32_t command, int fd, int level, int option,
                     const std::byte* value, socklen_t size) noexcept {
  io_uring_prep_rw(IORING_OP_URING_CMD, &sqe, fd, nullptr, 0, command);
  const std::array<int, 2> asked = {level, option};
  static_assert(sizeof asked == sizeof sqe.addr);
  std::memcpy(&sqe.addr, asked.data(), sizeof asked);
  sqe.file_index = size;
  sqe.addr3 = reinterpret_cast<std::uintptr_t>(value);
}

}  // namespace

constinit const operation_kind socket::kind("socket", "socket(2)", awaited_thing::nothing,
                                            ring_policy::perform, IORING_OP_SOCKET, "5.19");
socket::socket(int family, int type, int protocol) noexcept
    : operation(kind, nullptr),
      family_(family),
      type_(type | SOCK_CLOEXEC | (loop::current().kernel().nonblocking() ? SOCK_NONBLOCK : 0)),
      protocol_(protocol) {}
void socket::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_socket(&sqe, family_, type_, protocol_, 0);
}
int socket::perform() noexcept {
  return system_call([this] { return ::socket(family_, type_, protocol_); });
}
result<descriptor> socket::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return descriptor(answer);
}

constinit const operation_kind bind::kind("bind", "bind(2)", awaited_thing::nothing,
                                          ring_policy::perform, uring_abi::op_bind, "6.11");
void bind::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_rw(uring_abi::op_bind, &sqe, fd_, address_, 0, size_);
}
int bind::perform() noexcept {
  return system_call([this] { return ::bind(fd_, address_, size_); });
}

constinit const operation_kind listen::kind("listen", "listen(2)", awaited_thing::nothing,
                                            ring_policy::perform, uring_abi::op_listen, "6.11");
void listen::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_rw(uring_abi::op_listen, &sqe, fd_, nullptr, static_cast<unsigned>(backlog_), 0);
}
int listen::perform() noexcept {
  return system_call([this] { return ::listen(fd_, backlog_); });
}

constinit const operation_kind shutdown::kind("shutdown", "shutdown(2)", awaited_thing::nothing,
                                              ring_policy::perform, IORING_OP_SHUTDOWN, "5.11");
void shutdown::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_shutdown(&sqe, fd_, how_);
}
int shutdown::perform() noexcept {
  return system_call([this] { return ::shutdown(fd_, how_); });
}

constinit const operation_kind setsockopt::kind("setsockopt", "setsockopt(2)",
                                                awaited_thing::nothing, ring_policy::perform,
                                                IORING_OP_URING_CMD, "6.7");
void setsockopt::prepare(io_uring_sqe& sqe) noexcept {
  prepare_command(sqe, uring_abi::socket_setsockopt, fd_, level_, option_, value_.data(),
                  length_of(value_));
}
int setsockopt::perform() noexcept {
  return system_call(
      [this] { return ::setsockopt(fd_, level_, option_, value_.data(), length_of(value_)); });
}

constinit const operation_kind getsockopt::kind("getsockopt", "getsockopt(2)",
                                                awaited_thing::nothing, ring_policy::perform,
                                                IORING_OP_URING_CMD, "6.7");
void getsockopt::prepare(io_uring_sqe& sqe) noexcept {
  prepare_command(sqe, uring_abi::socket_getsockopt, fd_, level_, option_, value_.data(),
                  length_of(value_));
}
int getsockopt::perform() noexcept {
  socklen_t size = length_of(value_);
  const int answer =
      system_call([&] { return ::getsockopt(fd_, level_, option_, value_.data(), &size); });
  return answer < 0 ? answer : static_cast<int>(size);
}

std::span<const operation_kind* const> socket_setup_operations() noexcept {
  static constexpr const operation_kind* all[] = {&socket::kind,     &bind::kind,
                                                  &listen::kind,     &shutdown::kind,
                                                  &setsockopt::kind, &getsockopt::kind};
  return all;
}

}  // namespace gyre::op
