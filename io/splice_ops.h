#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// splice(2) moves bytes between a pipe and another descriptor without copying them. What was moved
/// into a pipe is the kernel's: a stop loses none of it.
namespace gyre::op {

/// From a file at an offset into a pipe: at least one byte, as many as the pipe has room for; 0 at
/// the end of the file. The kernel may have to read the disk, and does so on a worker of its own.
class [[nodiscard]] splice_from_file final : public operation {
 public:
  static const operation_kind kind;

  splice_from_file(descriptor& file, std::uint64_t offset, descriptor& pipe,
                   std::size_t most) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int file_;
  std::int64_t offset_;
  int pipe_;
  unsigned most_;
  bool pipe_full_ = false;
};

/// From a pipe into a socket: at least one byte. The socket must be O_NONBLOCK (see
/// `tcp_stream::allow_splice`): a system call as soon as it is writable is all this takes, whereas
/// a kernel worker would be lost to each peer that does not read. The pipe must hold something:
/// `no_message_available` when it is empty.
class [[nodiscard]] splice_to_socket final : public operation {
 public:
  static const operation_kind kind;

  /// `more`: further bytes follow, so that the last packet need not go out half full.
  splice_to_socket(descriptor& pipe, descriptor& socket, std::size_t most, bool more) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int pipe_;
  int socket_;
  unsigned most_;
  unsigned flags_;
};

/// All kinds of this header.
std::span<const operation_kind* const> splice_operations() noexcept;

}  // namespace gyre::op
