#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations that make and set up sockets, named as their system calls. None of them waits, so
/// that a plain system call does as well, but for one thing: they can be parts of a link. Addresses
/// and values belong to the caller and must stay until the operation has ended. To be awaited on
/// the loop of the descriptor.
namespace gyre::op {

/// socket(2): a new socket, close-on-exec. It is never lost: one that came before a stop is
/// delivered.
class [[nodiscard]] socket final : public operation {
 public:
  static const operation_kind kind;

  /// `type` may contain SOCK_NONBLOCK, which `accept` needs. Only in a task.
  socket(int family, int type, int protocol = 0) noexcept;
  result<descriptor> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int family_;
  int type_;
  int protocol_;
};

/// bind(2). The path of a Unix socket is created.
class [[nodiscard]] bind final : public operation {
 public:
  static const operation_kind kind;

  bind(descriptor& socket, const sockaddr* address, socklen_t size) noexcept
      : operation(kind, &socket.users()), fd_(socket.number()), address_(address), size_(size) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  const sockaddr* address_;
  socklen_t size_;
};

/// listen(2).
class [[nodiscard]] listen final : public operation {
 public:
  static const operation_kind kind;

  listen(descriptor& socket, int backlog) noexcept
      : operation(kind, &socket.users()), fd_(socket.number()), backlog_(backlog) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  int backlog_;
};

/// shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR. After a write in a link it sends the end of
/// the stream behind it.
class [[nodiscard]] shutdown final : public operation {
 public:
  static const operation_kind kind;

  shutdown(descriptor& socket, int how) noexcept
      : operation(kind, &socket.users()), fd_(socket.number()), how_(how) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  int how_;
};

/// setsockopt(2).
class [[nodiscard]] setsockopt final : public operation {
 public:
  static const operation_kind kind;

  setsockopt(descriptor& socket, int level, int option, std::span<const std::byte> value) noexcept
      : operation(kind, &socket.users()),
        fd_(socket.number()),
        level_(level),
        option_(option),
        value_(value) {}
  /// Of an option that is an int. `number` is copied.
  setsockopt(descriptor& socket, int level, int option, int number) noexcept
      : operation(kind, &socket.users()),
        fd_(socket.number()),
        level_(level),
        option_(option),
        number_(number),
        value_(std::as_bytes(std::span(&number_, 1))) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  int level_;
  int option_;
  int number_ = 0;
  std::span<const std::byte> value_;
};

/// getsockopt(2): the bytes that were filled in. io_uring has it for options of SOL_SOCKET; a link
/// with one of another level is started one by one.
class [[nodiscard]] getsockopt final : public operation {
 public:
  static const operation_kind kind;

  getsockopt(descriptor& socket, int level, int option, std::span<std::byte> value) noexcept
      : operation(kind, &socket.users()),
        fd_(socket.number()),
        level_(level),
        option_(option),
        value_(value) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool linkable() const noexcept override { return level_ == SOL_SOCKET; }

 private:
  int fd_;
  int level_;
  int option_;
  std::span<std::byte> value_;
};

/// All kinds of this header.
std::span<const operation_kind* const> socket_setup_operations() noexcept;

}  // namespace gyre::op
