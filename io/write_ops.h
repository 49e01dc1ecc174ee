#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/io/plain_write.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations that write, and those that transfer several buffers at a position of a file, named as
/// their system calls. Buffers belong to the caller and must stay until the operation has ended. On
/// files they run on the backend's own threads, since most file systems make the kernel hand
/// buffered writes to its workers; what runs there is not cancelled: a stop then takes effect when
/// it has ended, and its result is delivered.
namespace gyre::op {

/// pwrite(2) of the whole buffer. After an error an unknown part of it was written;
/// `operation_canceled` also when a stop came between two parts of a transfer that the kernel
/// divided. A file that is O_APPEND is written to at its end, wherever `offset` is: see pwrite(2).
/// `invalid_seek` for what has no positions, as a pipe.
class [[nodiscard]] write_at final : public operation {
 public:
  static const operation_kind kind;
  /// As a submission of its own: where the kernel needs no worker for it.
  static const operation_kind overwrite_kind;
  /// Of what has no positions: a ring would write to it all the same.
  static const operation_kind unpositioned_kind;

  write_at(descriptor& file, std::span<const std::byte> buffer, std::uint64_t offset,
           const operation_kind& as = kind) noexcept
      : operation(file.has_positions() ? as : unpositioned_kind, &file.users(), whole),
        fd_(file.number()),
        buffer_(buffer),
        offset_(offset) {}
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool linkable() const noexcept override;

 private:
  bool advance_by(int count) noexcept override;

  int fd_;
  std::span<const std::byte> buffer_;
  std::uint64_t offset_;
  std::size_t done_ = 0;
};

/// write(2) to a descriptor that has no positions, of what it takes now: a pipe, a terminal. At
/// least one byte, unless the buffer is empty. `broken_pipe` when nobody reads any more; SIGPIPE is
/// not raised. What is not O_NONBLOCK does not keep the loop either, but where others write to it
/// too and it is a pipe on an old kernel, or a terminal that can't be opened anew: a pty's master,
/// without /proc, or another user's. An eventfd must be O_NONBLOCK; a number that it has no room
/// for waits until it has, for which it takes a descriptor (`too_many_files_open`), and writes to
/// it may be served one after the other.
class [[nodiscard]] write final : public operation {
 public:
  static const operation_kind kind;
  /// Of what `writes_plainly`: a ring would wait in write(2), on the loop's own thread. Also of
  /// files in /proc, for which it would take a worker.
  static const operation_kind plain_kind;

  /// Which of the two a write to `sink` is.
  static const operation_kind& kind_for(descriptor& sink) noexcept {
    return sink.writes_plainly() ? plain_kind : kind;
  }

  write(descriptor& sink, std::span<const std::byte> buffer) noexcept
      : write(sink, buffer, kind_for(sink)) {}
  /// As `as`, one of the two, for those who know the sink better.
  write(descriptor& sink, std::span<const std::byte> buffer, const operation_kind& as) noexcept
      : operation(as, &sink.users()), fd_(sink.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  bool is_plain() const noexcept { return &operation::kind() == &plain_kind; }

  int fd_;
  std::span<const std::byte> buffer_;
  plain_write plain_;
};

/// preadv2(2) (Linux 4.6): one call, into several buffers in turn; fewer bytes than they hold at
/// the end of the file, and wherever the kernel likes. `flags` are RWF_ flags: RWF_NOWAIT (4.14)
/// ends with `resource_unavailable_try_again` instead of waiting for a disk, RWF_DONTCACHE (6.14)
/// leaves nothing in the cache; `operation_not_supported` for what the kernel or the file system
/// lacks. `invalid_argument` for more than IOV_MAX buffers.
class [[nodiscard]] preadv2 final : public operation {
 public:
  static const operation_kind kind;
  /// Of what has no positions: a ring would take it all the same.
  static const operation_kind unpositioned_kind;

  preadv2(descriptor& file, std::span<const iovec> buffers, std::uint64_t offset,
          int flags = 0) noexcept
      : operation(file.has_positions() ? kind : unpositioned_kind, &file.users()),
        fd_(file.number()),
        buffers_(buffers),
        offset_(offset),
        flags_(flags) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  int perform_cached() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  std::span<const iovec> buffers_;
  std::uint64_t offset_;
  int flags_;
};

/// pwritev2(2) (Linux 4.6): one call, from several buffers in turn; it may write less than they
/// hold. `flags` are RWF_ flags: RWF_DSYNC and RWF_SYNC (4.7) make it durable before it ends,
/// RWF_APPEND (4.16) ignores `offset`, RWF_ATOMIC (6.11) writes all or nothing, RWF_NOWAIT and
/// RWF_DONTCACHE are as for `preadv2`.
class [[nodiscard]] pwritev2 final : public operation {
 public:
  static const operation_kind kind;
  /// Of what has no positions: a ring would take it all the same.
  static const operation_kind unpositioned_kind;

  pwritev2(descriptor& file, std::span<const iovec> buffers, std::uint64_t offset,
           int flags = 0) noexcept
      : operation(file.has_positions() ? kind : unpositioned_kind, &file.users()),
        fd_(file.number()),
        buffers_(buffers),
        offset_(offset),
        flags_(flags) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  std::span<const iovec> buffers_;
  std::uint64_t offset_;
  int flags_;
};

/// All kinds of this header.
std::span<const operation_kind* const> write_operations() noexcept;

}  // namespace gyre::op
