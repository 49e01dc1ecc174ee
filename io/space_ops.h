#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on where a file's content lies: in the cache, on the disk, in how much room. Named as
/// their system calls. All may wait for a disk, and the kernel would hand all of them to its
/// workers: so they run on the backend's own threads. What runs there is not cancelled; a stop then
/// takes effect when it has ended, and its result is delivered.
namespace gyre::op {

/// fsync(2), or fdatasync(2), which leaves out what is not needed to find the content again. An
/// error means that what was written since the last success may be lost, and the next call may
/// succeed all the same: it must not be tried again, but be treated as a loss.
class [[nodiscard]] fsync final : public operation {
 public:
  enum class what { all, data };
  static const operation_kind kind;

  fsync(descriptor& file, what what) noexcept
      : operation(kind, &file.users()), fd_(file.number()), what_(what) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  what what_;
};

/// sync_file_range(2): starts or awaits the writing of some pages. Makes nothing durable: neither
/// the disk's cache is emptied nor what leads to the pages written. `size` 0 is all to the end.
class [[nodiscard]] sync_file_range final : public operation {
 public:
  static const operation_kind kind;

  sync_file_range(descriptor& file, std::uint64_t offset, std::uint64_t size,
                  unsigned flags) noexcept
      : operation(kind, &file.users()),
        fd_(file.number()),
        offset_(offset),
        size_(size),
        flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool linkable() const noexcept override;

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t size_;
  unsigned flags_;
};

/// fallocate(2) with any of its modes.
class [[nodiscard]] fallocate final : public operation {
 public:
  static const operation_kind kind;

  fallocate(descriptor& file, int mode, std::uint64_t offset, std::uint64_t size) noexcept
      : operation(kind, &file.users()),
        fd_(file.number()),
        mode_(mode),
        offset_(offset),
        size_(size) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  int mode_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

/// ftruncate(2): cuts a file, or lengthens it by a hole.
class [[nodiscard]] ftruncate final : public operation {
 public:
  static const operation_kind kind;

  ftruncate(descriptor& file, std::uint64_t size) noexcept
      : operation(kind, &file.users()), fd_(file.number()), size_(size) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  std::uint64_t size_;
};

/// posix_fadvise(2) with a POSIX_FADV_ advice; `size` 0 is all to the end.
class [[nodiscard]] fadvise final : public operation {
 public:
  static const operation_kind kind;

  fadvise(descriptor& file, std::uint64_t offset, std::uint64_t size, int advice) noexcept
      : operation(kind, &file.users()),
        fd_(file.number()),
        offset_(offset),
        size_(size),
        advice_(advice) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool linkable() const noexcept override;

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t size_;
  int advice_;
};

/// readahead(2): brings some of a file into the kernel's cache.
class [[nodiscard]] readahead final : public operation {
 public:
  static const operation_kind kind;

  readahead(descriptor& file, std::uint64_t offset, std::size_t size) noexcept
      : operation(kind, &file.users()), fd_(file.number()), offset_(offset), size_(size) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  std::uint64_t offset_;
  std::size_t size_;
};

/// syncfs(2): all that was written to the file system of `on`, which is any file or directory of
/// it, is on the disk (Linux 5.8 tells of errors).
class [[nodiscard]] syncfs final : public operation {
 public:
  static const operation_kind kind;

  explicit syncfs(descriptor& on) noexcept : operation(kind, &on.users()), fd_(on.number()) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
};

/// All kinds of this header.
std::span<const operation_kind* const> space_operations() noexcept;

}  // namespace gyre::op
