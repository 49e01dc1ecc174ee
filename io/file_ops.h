#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on files, named as their system calls. Buffers and paths belong to the caller and
/// must stay until the operation has ended. An operation that waits for a disk can't always be
/// cancelled: a stop then takes effect when the kernel is done, and the result is delivered.
namespace gyre::op {

/// openat2(2) (Linux 5.6): opens `path` relative to `directory`, always close-on-exec, and with
/// O_NONBLOCK but for O_PATH, so that a FIFO's other end is never waited for, which nobody could
/// end. A file that was opened when a stop came is delivered, never lost.
class [[nodiscard]] openat2 final : public operation {
 public:
  static const operation_kind kind;

  /// `flags` and `mode` as for open(2), `resolve` a set of RESOLVE_ bits.
  openat2(descriptor& directory, const char* path, std::uint64_t flags, std::uint64_t mode,
          std::uint64_t resolve) noexcept;
  result<descriptor> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  int perform_cached() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  const char* path_;
  open_how how_;
};

/// pread(2): fewer bytes than asked for at the end of the file, or when a stop came between two
/// parts of a transfer that the kernel divided (2 GiB and more). `invalid_seek` for what has no
/// positions, as a pipe.
class [[nodiscard]] read_at final : public operation {
 public:
  static const operation_kind kind;
  /// Of what has no positions: a ring would read there all the same.
  static const operation_kind unpositioned_kind;

  read_at(descriptor& file, std::span<std::byte> buffer, std::uint64_t offset) noexcept
      : operation(file.has_positions() ? kind : unpositioned_kind, &file.users(), whole),
        fd_(file.number()),
        buffer_(buffer),
        offset_(offset) {}
  result<std::size_t> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  int perform_cached() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool linkable() const noexcept override;

 private:
  bool advance_by(int count) noexcept override;

  int fd_;
  std::span<std::byte> buffer_;
  std::uint64_t offset_;
  std::size_t done_ = 0;
};

/// read(2) of a descriptor that has no positions: a pipe, a terminal, a signalfd. At least one
/// byte; 0 is the end. What the kernel knows plain read(2) of alone, as inotify and some devices,
/// should be O_NONBLOCK: a ring has a kernel worker wait otherwise.
class [[nodiscard]] read final : public operation {
 public:
  static const operation_kind kind;

  read(descriptor& source, std::span<std::byte> buffer) noexcept
      : operation(kind, &source.users()), fd_(source.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int fd_;
  std::span<std::byte> buffer_;
};

/// statx(2) (Linux 4.11) of an open file, STATX_DIOALIGN included. A plain system call on every
/// backend: the inode is in memory, and through the ring it would cost a kernel worker.
class [[nodiscard]] fstat final : public operation {
 public:
  static const operation_kind kind;

  explicit fstat(descriptor& file) noexcept : operation(kind, &file.users()), fd_(file.number()) {}
  result<struct statx> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  struct statx status_;
};

/// fchmod(2). The umask does not apply.
class [[nodiscard]] fchmod final : public operation {
 public:
  static const operation_kind kind;

  fchmod(descriptor& file, unsigned mode) noexcept
      : operation(kind, &file.users()), fd_(file.number()), mode_(mode) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  unsigned mode_;
};

/// fchown(2): -1 leaves the owner or the group as it is.
class [[nodiscard]] fchown final : public operation {
 public:
  static const operation_kind kind;

  fchown(descriptor& file, uid_t owner, gid_t group) noexcept
      : operation(kind, &file.users()), fd_(file.number()), owner_(owner), group_(group) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  uid_t owner_;
  gid_t group_;
};

/// All kinds of this header.
std::span<const operation_kind* const> file_operations() noexcept;

}  // namespace gyre::op
