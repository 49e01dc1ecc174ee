#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on what a path leads to, named as their system calls. Paths are relative to a
/// directory, or to the working directory where that is a descriptor of AT_FDCWD; they belong to
/// the caller and must stay until the operation has ended. All may wait for a disk, and the kernel
/// would hand all of them to its workers: so they run on the backend's own threads. What runs there
/// is not cancelled; a stop then takes effect when it has ended, and its result is delivered.
namespace gyre::op {

/// statx(2) (Linux 4.11) by path. `flags` are its AT_ flags, as AT_SYMLINK_NOFOLLOW.
class [[nodiscard]] stat final : public operation {
 public:
  static const operation_kind kind;

  stat(descriptor& directory, const char* path, int flags) noexcept
      : operation(kind, &directory.users()),
        directory_(directory.number()),
        path_(path),
        flags_(flags) {}
  result<struct statx> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  const char* path_;
  int flags_;
  struct statx status_;
};

/// renameat2(2) (Linux 3.15). `flags` are 0, RENAME_NOREPLACE or RENAME_EXCHANGE.
class [[nodiscard]] renameat2 final : public operation {
 public:
  static const operation_kind kind;

  renameat2(descriptor& from_directory, const char* from, descriptor& to_directory, const char* to,
            unsigned flags) noexcept
      : operation(kind, from_directory.users(), to_directory.users()),
        from_directory_(from_directory.number()),
        to_directory_(to_directory.number()),
        from_(from),
        to_(to),
        flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int from_directory_;
  int to_directory_;
  const char* from_;
  const char* to_;
  unsigned flags_;
};

/// unlinkat(2): `flags` is 0 for a file or AT_REMOVEDIR for an empty directory.
class [[nodiscard]] unlinkat final : public operation {
 public:
  static const operation_kind kind;

  unlinkat(descriptor& directory, const char* path, int flags) noexcept
      : operation(kind, &directory.users()),
        directory_(directory.number()),
        path_(path),
        flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  const char* path_;
  int flags_;
};

/// mkdirat(2); the umask applies to `mode`.
class [[nodiscard]] mkdirat final : public operation {
 public:
  static const operation_kind kind;

  mkdirat(descriptor& directory, const char* path, unsigned mode) noexcept
      : operation(kind, &directory.users()),
        directory_(directory.number()),
        path_(path),
        mode_(mode) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  const char* path_;
  unsigned mode_;
};

/// symlinkat(2): a symbolic link at `path` that says `target`.
class [[nodiscard]] symlinkat final : public operation {
 public:
  static const operation_kind kind;

  symlinkat(const char* target, descriptor& directory, const char* path) noexcept
      : operation(kind, &directory.users()),
        target_(target),
        directory_(directory.number()),
        path_(path) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const char* target_;
  int directory_;
  const char* path_;
};

/// linkat(2): one more name, `to`, for the file `from`. `flags` are its AT_ flags.
class [[nodiscard]] linkat final : public operation {
 public:
  static const operation_kind kind;

  linkat(descriptor& from_directory, const char* from, descriptor& to_directory, const char* to,
         int flags) noexcept
      : operation(kind, from_directory.users(), to_directory.users()),
        from_directory_(from_directory.number()),
        to_directory_(to_directory.number()),
        from_(from),
        to_(to),
        flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int from_directory_;
  int to_directory_;
  const char* from_;
  const char* to_;
  int flags_;
};

/// readlinkat(2): what a symbolic link says, without a NUL at its end, and cut where `buffer` is
/// full. Gives the number of bytes.
class [[nodiscard]] readlinkat final : public operation {
 public:
  static const operation_kind kind;

  readlinkat(descriptor& directory, const char* path, std::span<char> buffer) noexcept
      : operation(kind, &directory.users()),
        directory_(directory.number()),
        path_(path),
        buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  const char* path_;
  std::span<char> buffer_;
};

/// getdents64(2): as many entries of an open directory as `buffer` holds, each a whole dirent64;
/// 0 bytes at its end. The position is that of the open directory: one at a time.
class [[nodiscard]] getdents64 final : public operation {
 public:
  static const operation_kind kind;

  getdents64(descriptor& directory, std::span<std::byte> buffer) noexcept
      : operation(kind, &directory.users()), directory_(directory.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int directory_;
  std::span<std::byte> buffer_;
};

/// inotify_add_watch(2): gives the number of the watch.
class [[nodiscard]] inotify_add_watch final : public operation {
 public:
  static const operation_kind kind;

  inotify_add_watch(descriptor& inotify, const char* path, std::uint32_t events) noexcept
      : operation(kind, &inotify.users()),
        inotify_(inotify.number()),
        path_(path),
        events_(events) {}
  result<int> await_resume() noexcept;

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int inotify_;
  const char* path_;
  std::uint32_t events_;
};

/// All kinds of this header.
std::span<const operation_kind* const> path_operations() noexcept;

}  // namespace gyre::op
