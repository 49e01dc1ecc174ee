#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations, named as their system calls. All of them: buffers and addresses belong to the caller
/// and must stay until the operation has ended; a stop ends them with `operation_canceled`, unless
/// the result came first, which is then delivered; to be awaited on the loop of the descriptor.
namespace gyre::op {

/// recv(2) of what is there, at least one byte: 0 is the end of the stream.
class [[nodiscard]] recv final : public operation {
 public:
  static const operation_kind kind;

  recv(descriptor& socket, std::span<std::byte> buffer) noexcept
      : operation(kind, &socket.users()), fd_(socket.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  bool fell_short(int count) const noexcept override {
    return static_cast<std::size_t>(count) < buffer_.size();
  }

 private:
  int fd_;
  std::span<std::byte> buffer_;
};

/// recv(2) until the buffer is full. Fewer bytes when the stream ended, or when the wait was
/// stopped or failed after some bytes had come, which are not lost: what failed has then ended.
class [[nodiscard]] recv_exactly final : public operation {
 public:
  static const operation_kind kind;

  recv_exactly(descriptor& socket, std::span<std::byte> buffer) noexcept
      : operation(kind, &socket.users(), whole), fd_(socket.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  void prepare_linked(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  bool linkable() const noexcept override;

 private:
  bool advance_by(int count) noexcept override;

  int fd_;
  std::span<std::byte> buffer_;
  std::size_t done_ = 0;
};

/// send(2) of what the socket takes now, at least one byte. Never raises SIGPIPE.
class [[nodiscard]] send final : public operation {
 public:
  static const operation_kind kind;

  send(descriptor& socket, std::span<const std::byte> buffer) noexcept
      : operation(kind, &socket.users()), fd_(socket.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int fd_;
  std::span<const std::byte> buffer_;
};

/// send(2) of the whole buffer. After an error or a stop an unknown part of it was sent. Never
/// raises SIGPIPE.
class [[nodiscard]] send_all final : public operation {
 public:
  static const operation_kind kind;

  send_all(descriptor& socket, std::span<const std::byte> buffer) noexcept
      : operation(kind, &socket.users(), whole), fd_(socket.number()), buffer_(buffer) {}
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  void prepare_linked(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  bool linkable() const noexcept override;

 private:
  bool advance_by(int count) noexcept override;

  int fd_;
  std::span<const std::byte> buffer_;
  std::size_t done_ = 0;
};

/// recvmsg(2) into several buffers in turn, at least one byte: 0 is the end of the stream.
class [[nodiscard]] recvmsg final : public operation {
 public:
  static const operation_kind kind;

  recvmsg(descriptor& socket, std::span<const iovec> buffers) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int fd_;
  msghdr message_;
};

/// sendmsg(2) of several buffers in turn, all of them. The entries of `buffers` are used up on the
/// way: they are the caller's, and changed. After an error or a stop an unknown part was sent.
class [[nodiscard]] sendmsg_all final : public operation {
 public:
  static const operation_kind kind;

  sendmsg_all(descriptor& socket, std::span<iovec> buffers) noexcept;
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  void prepare_linked(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  bool linkable() const noexcept override;

 private:
  bool advance_by(int count) noexcept override;
  void drop_sent(std::size_t count) noexcept;

  int fd_;
  std::span<iovec> rest_;
  msghdr message_;
};

/// accept4(2): the descriptor of a new connection, close-on-exec. It is never lost: a connection
/// that came before a stop is delivered. The listener must be O_NONBLOCK, as that of `tcp_listener`
/// is: what waits is taken by system calls, many in a turn, so that streams with much to do can't
/// keep new connections waiting.
class [[nodiscard]] accept : public operation {
 public:
  static const operation_kind kind;

  explicit accept(descriptor& listener) noexcept;
  result<descriptor> await_resume() noexcept;

  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int fd_;
  int flags_;
};

/// connect(2). After a stop the socket is good for nothing but to be closed. To a Unix listener it
/// never waits: `resource_unavailable_try_again` at once where its queue is full, since the kernel
/// does not tell when there is room. It can be tried again with the same socket.
class [[nodiscard]] connect final : public operation {
 public:
  static const operation_kind kind;
  /// Of a Unix socket: a ring would have a kernel worker wait for room.
  static const operation_kind local_kind;

  /// `address` must stay until the operation has ended.
  connect(descriptor& socket, const sockaddr* address, socklen_t size) noexcept
      : operation(is_unix(address, size) ? local_kind : kind, &socket.users()),
        fd_(socket.number()),
        address_(address),
        size_(size) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  static bool is_unix(const sockaddr* address, socklen_t size) noexcept {
    return size >= sizeof address->sa_family && address->sa_family == AF_UNIX;
  }
  int connect_local() noexcept;

  int fd_;
  const sockaddr* address_;
  socklen_t size_;
  bool under_way_ = false;
};

/// All kinds of this header.
std::span<const operation_kind* const> socket_operations() noexcept;

}  // namespace gyre::op
