#include "gyre/io/socket_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <climits>

#include "gyre/io/system_call.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/loop.h"

namespace gyre::op {
namespace {

std::size_t clamp(std::size_t size) noexcept {
  return std::min<std::size_t>(size, transfer_max);
}

// The kernel then goes on by itself with the rest, some hundred times: a slow peer gets a worker of
// its own then, of which there are few.
void wait_for_all(io_uring_sqe& sqe) noexcept {
  if (sqe.opcode != IORING_OP_NOP) sqe.msg_flags |= MSG_WAITALL;
}

/// Sends or receives with `call(rest)` until `done` has reached `size`, the stream has ended, or
/// the socket can't go on.
template <class Call>
int transfer_all(std::size_t size, std::size_t& done, Call call) noexcept {
  while (done < size) {
    const int count = system_call(call);
    if (count <= 0) return count;
    done += static_cast<std::size_t>(count);
  }
  return 0;
}

}  // namespace

constinit const operation_kind recv::kind("recv", "recv(2)", awaited_thing::reading,
                                          ring_policy::submit, IORING_OP_RECV, "5.6");
void recv::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_recv(&sqe, fd_, buffer_.data(), clamp(buffer_.size()), 0);
}
int recv::perform() noexcept {
  return system_call(
      [this] { return ::recv(fd_, buffer_.data(), clamp(buffer_.size()), MSG_DONTWAIT); });
}
readiness recv::ready_when() const noexcept {
  return {fd_, POLLIN};
}

constinit const operation_kind recv_exactly::kind("recv_exactly", "recv(2)", awaited_thing::reading,
                                                  ring_policy::submit, IORING_OP_RECV, "5.6");
void recv_exactly::prepare(io_uring_sqe& sqe) noexcept {
  const auto rest = buffer_.subspan(done_);
  if (rest.empty()) return io_uring_prep_nop(&sqe);  // recv(2) of no byte waits for one
  io_uring_prep_recv(&sqe, fd_, rest.data(), clamp(rest.size()), 0);
}
void recv_exactly::prepare_linked(io_uring_sqe& sqe) noexcept {
  prepare(sqe);
  wait_for_all(sqe);
}
int recv_exactly::perform() noexcept {
  return transfer_all(buffer_.size(), done_, [this] {
    const auto rest = buffer_.subspan(done_);
    return ::recv(fd_, rest.data(), clamp(rest.size()), MSG_DONTWAIT);
  });
}
readiness recv_exactly::ready_when() const noexcept {
  return {fd_, POLLIN};
}
bool recv_exactly::linkable() const noexcept {
  return buffer_.size() <= transfer_max;
}
bool recv_exactly::advance_by(int count) noexcept {
  done_ += static_cast<std::size_t>(count);
  return done_ < buffer_.size();
}
result<std::size_t> recv_exactly::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0 && done_ == 0) return errno_error(-answer);
  return done_;
}

constinit const operation_kind send::kind("send", "send(2)", awaited_thing::writing,
                                          ring_policy::submit, IORING_OP_SEND, "5.6");
void send::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_send(&sqe, fd_, buffer_.data(), clamp(buffer_.size()), MSG_NOSIGNAL);
}
int send::perform() noexcept {
  return system_call([this] {
    return ::send(fd_, buffer_.data(), clamp(buffer_.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
}
readiness send::ready_when() const noexcept {
  return {fd_, POLLOUT};
}

constinit const operation_kind send_all::kind("send_all", "send(2)", awaited_thing::writing,
                                              ring_policy::submit, IORING_OP_SEND, "5.6");
void send_all::prepare(io_uring_sqe& sqe) noexcept {
  const auto rest = buffer_.subspan(done_);
  if (rest.empty()) return io_uring_prep_nop(&sqe);
  io_uring_prep_send(&sqe, fd_, rest.data(), clamp(rest.size()), MSG_NOSIGNAL);
}
void send_all::prepare_linked(io_uring_sqe& sqe) noexcept {
  prepare(sqe);
  wait_for_all(sqe);
}
int send_all::perform() noexcept {
  return transfer_all(buffer_.size(), done_, [this] {
    const auto rest = buffer_.subspan(done_);
    return ::send(fd_, rest.data(), clamp(rest.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
}
readiness send_all::ready_when() const noexcept {
  return {fd_, POLLOUT};
}
bool send_all::linkable() const noexcept {
  return buffer_.size() <= transfer_max;
}
bool send_all::advance_by(int count) noexcept {
  done_ += static_cast<std::size_t>(count);
  return done_ < buffer_.size();
}
result<void> send_all::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  if (done_ < buffer_.size()) return std::errc::operation_canceled;
  return {};
}

constinit const operation_kind recvmsg::kind("recvmsg", "recvmsg(2)", awaited_thing::reading,
                                             ring_policy::submit, IORING_OP_RECVMSG, "5.3");
recvmsg::recvmsg(descriptor& socket, std::span<const iovec> buffers) noexcept
    : operation(kind, &socket.users()), fd_(socket.number()), message_() {
  message_.msg_iov = const_cast<iovec*>(buffers.data());
  message_.msg_iovlen = std::min<std::size_t>(buffers.size(), IOV_MAX);
}
void recvmsg::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_recvmsg(&sqe, fd_, &message_, MSG_CMSG_CLOEXEC);
}
int recvmsg::perform() noexcept {
  return system_call([this] { return ::recvmsg(fd_, &message_, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
}
readiness recvmsg::ready_when() const noexcept {
  return {fd_, POLLIN};
}

constinit const operation_kind sendmsg_all::kind("sendmsg_all", "sendmsg(2)",
                                                 awaited_thing::writing, ring_policy::submit,
                                                 IORING_OP_SENDMSG, "5.3");
sendmsg_all::sendmsg_all(descriptor& socket, std::span<iovec> buffers) noexcept
    : operation(kind, &socket.users(), whole), fd_(socket.number()), rest_(buffers), message_() {
  drop_sent(0);
}
void sendmsg_all::prepare(io_uring_sqe& sqe) noexcept {
  if (rest_.empty()) return io_uring_prep_nop(&sqe);
  io_uring_prep_sendmsg(&sqe, fd_, &message_, MSG_NOSIGNAL);
}
void sendmsg_all::prepare_linked(io_uring_sqe& sqe) noexcept {
  prepare(sqe);
  wait_for_all(sqe);
}
int sendmsg_all::perform() noexcept {
  while (!rest_.empty()) {
    const int count =
        system_call([this] { return ::sendmsg(fd_, &message_, MSG_DONTWAIT | MSG_NOSIGNAL); });
    if (count < 0) return count;
    drop_sent(static_cast<std::size_t>(count));
  }
  return 0;
}
readiness sendmsg_all::ready_when() const noexcept {
  return {fd_, POLLOUT};
}
bool sendmsg_all::linkable() const noexcept {
  std::size_t left = transfer_max;
  if (rest_.size() > IOV_MAX) return false;
  return std::ranges::all_of(rest_, [&](const iovec& each) {
    const bool fits = each.iov_len <= left;
    left -= std::min(left, each.iov_len);
    return fits;
  });
}
bool sendmsg_all::advance_by(int count) noexcept {
  drop_sent(static_cast<std::size_t>(count));
  return !rest_.empty();
}
void sendmsg_all::drop_sent(std::size_t count) noexcept {
  while (!rest_.empty() && count >= rest_.front().iov_len) {
    count -= rest_.front().iov_len;
    rest_ = rest_.subspan(1);
  }
  if (!rest_.empty()) {
    iovec& cut = rest_.front();
    cut.iov_base = static_cast<std::byte*>(cut.iov_base) + count;
    cut.iov_len -= count;
  }
  message_.msg_iov = rest_.data();
  message_.msg_iovlen = std::min<std::size_t>(rest_.size(), IOV_MAX);
}
result<void> sendmsg_all::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  if (!rest_.empty()) return std::errc::operation_canceled;
  return {};
}

constinit const operation_kind accept::kind("accept", "accept4(2)", awaited_thing::reading,
                                            ring_policy::perform);
accept::accept(descriptor& listener) noexcept
    : operation(kind, &listener.users()),
      fd_(listener.number()),
      flags_(SOCK_CLOEXEC | (loop::current().kernel().nonblocking() ? SOCK_NONBLOCK : 0)) {}
int accept::perform() noexcept {
  return system_call([this] { return ::accept4(fd_, nullptr, nullptr, flags_); });
}
readiness accept::ready_when() const noexcept {
  return {fd_, POLLIN};
}
result<descriptor> accept::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return descriptor(answer);
}

constinit const operation_kind connect::kind("connect", "connect(2)", awaited_thing::writing,
                                             ring_policy::submit, IORING_OP_CONNECT, "5.5");
constinit const operation_kind connect::local_kind("connect", "connect(2)", awaited_thing::nothing,
                                                   ring_policy::perform);
void connect::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_connect(&sqe, fd_, address_, size_);
}
// A stream's O_NONBLOCK may be the backend's or not: here it must be set.
int connect::connect_local() noexcept {
  const int flags = ::fcntl(fd_, F_GETFL);
  const bool blocks = flags >= 0 && (flags & O_NONBLOCK) == 0;
  if (blocks) ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK);
  const int answer = system_call([this] { return ::connect(fd_, address_, size_); });
  if (blocks) ::fcntl(fd_, F_SETFL, flags);
  return answer;
}
// Asked again, and not by SO_ERROR: the socket would not be told that the attempt is over, and
// would refuse the next one.
int connect::perform() noexcept {
  if (is_unix(address_, size_)) return connect_local();
  if (::connect(fd_, address_, size_) == 0) return 0;
  const int error = errno;
  if (under_way_ && error == EISCONN) return 0;
  const bool waits = error == EINPROGRESS || error == EINTR || (under_way_ && error == EALREADY);
  if (!waits) return -error;
  under_way_ = true;
  return -EAGAIN;
}
readiness connect::ready_when() const noexcept {
  if (is_unix(address_, size_)) return readiness::none();
  return {fd_, POLLOUT};
}

std::span<const operation_kind* const> socket_operations() noexcept {
  static constexpr const operation_kind* all[] = {
      &recv::kind,    &recv_exactly::kind, &send::kind,   &send_all::kind,
      &recvmsg::kind, &sendmsg_all::kind,  &accept::kind, &connect::kind};
  return all;
}

}  // namespace gyre::op
