#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/space_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What statx(2) tells of a file.
class file_status {
 public:
  explicit file_status(const struct statx& status) noexcept : status_(status) {}

  bool is_regular() const noexcept { return S_ISREG(status_.stx_mode); }
  bool is_directory() const noexcept { return S_ISDIR(status_.stx_mode); }
  std::uint64_t size() const noexcept { return status_.stx_size; }
  /// Last change of the content, in whole seconds and nanoseconds since 1970.
  std::int64_t modified_seconds() const noexcept { return status_.stx_mtime.tv_sec; }
  std::uint32_t modified_nanoseconds() const noexcept { return status_.stx_mtime.tv_nsec; }
  std::uint64_t inode() const noexcept { return status_.stx_ino; }
  const struct statx& raw() const noexcept { return status_; }

 private:
  struct statx status_;
};

/// What direct transfers of a file (O_DIRECT) have to be aligned to, in bytes.
class direct_alignment {
 public:
  direct_alignment(std::size_t memory, std::size_t offset) noexcept
      : memory(memory), offset(offset) {}

  std::size_t memory;  ///< the address of a buffer
  std::size_t offset;  ///< the position in the file and the number of bytes
  /// What does for an `aligned_buffer`, of which each part of that size can be transferred.
  std::size_t both() const noexcept { return std::max(memory, offset); }
};

/// An open file. Reads and writes name their position, so that any number may be in flight at once.
/// Buffers are the caller's and must stay until the operation has ended.
class file {
 public:
  explicit file(descriptor opened) noexcept : descriptor_(std::move(opened)) {}

  /// Opens `path` with the flags of open(2); O_CLOEXEC is always set, and O_NONBLOCK, so that
  /// opening a FIFO never waits for its other end.
  static task<result<file>> open(std::string path, int flags, unsigned mode = 0);

  /// Reads until `buffer` is full or the file ends: fewer bytes only at its end.
  op::read_at read_at(std::span<std::byte> buffer, std::uint64_t offset) noexcept {
    return {descriptor_, buffer, offset};
  }
  /// Reads once, into several buffers in turn; see `op::preadv2` for `flags` and for short reads.
  op::preadv2 read_at(std::span<const iovec> buffers, std::uint64_t offset,
                      int flags = 0) noexcept {
    return {descriptor_, buffers, offset, flags};
  }

  /// Writes all of `buffer`. After an error an unknown part of it was written.
  op::write_at write_at(std::span<const std::byte> buffer, std::uint64_t offset) noexcept {
    return {descriptor_, buffer, offset};
  }
  /// Writes once, from several buffers in turn; see `op::pwritev2` for `flags` and short writes.
  op::pwritev2 write_at(std::span<const iovec> buffers, std::uint64_t offset,
                        int flags = 0) noexcept {
    return {descriptor_, buffers, offset, flags};
  }

  /// As `write_at`, for files opened with O_DIRECT, over blocks that were written before: a
  /// submission of its own, as reading is, where `write_at` takes a thread of the backend's. ext4
  /// needs no worker of the kernel's for that. Past the end, over a hole, over what is in the
  /// cache, and in other files the result is the same, but the kernel may start a worker for each.
  op::write_at overwrite_at(std::span<const std::byte> buffer, std::uint64_t offset) noexcept {
    return {descriptor_, buffer, offset, op::write_at::overwrite_kind};
  }

  /// Returns when all that was written is on the disk, see fsync(2). After an error what was
  /// written since the last success may be lost, though the next call may succeed: never try again.
  op::fsync sync() noexcept { return {descriptor_, op::fsync::what::all}; }
  /// As `sync`, without what is not needed to find the content again: see fdatasync(2).
  op::fsync sync_data() noexcept { return {descriptor_, op::fsync::what::data}; }

  /// Cuts the file to `size` bytes, or lengthens it by a hole.
  op::ftruncate truncate(std::uint64_t size) noexcept { return {descriptor_, size}; }
  /// Room for `size` bytes from `offset` on, or what else the `mode` of fallocate(2) says.
  op::fallocate allocate(std::uint64_t offset, std::uint64_t size, int mode = 0) noexcept {
    return {descriptor_, mode, offset, size};
  }
  /// What is going to be done with these bytes, see posix_fadvise(2); `size` 0 is all to the end.
  op::fadvise advise(std::uint64_t offset, std::uint64_t size, int advice) noexcept {
    return {descriptor_, offset, size, advice};
  }
  /// Brings these bytes into the kernel's cache, see readahead(2).
  op::readahead read_ahead(std::uint64_t offset, std::size_t size) noexcept {
    return {descriptor_, offset, size};
  }

  task<result<file_status>> status();
  /// What transfers must be aligned to once the file is opened with O_DIRECT; others the kernel may
  /// refuse with `invalid_argument`. As the file system says (Linux 6.1); where that says nothing,
  /// 4,096 bytes, which suits disks of today. `operation_not_supported` where it says that it has
  /// no direct transfers of this file; it may refuse O_DIRECT without saying so, by
  /// `invalid_argument`.
  task<result<direct_alignment>> direct_io_alignment();
  /// Sets the permission bits, see fchmod(2); no umask applies.
  op::fchmod change_mode(unsigned mode) noexcept { return {descriptor_, mode}; }
  /// Gives the file to others, see fchown(2); -1 leaves the owner or the group as it is.
  op::fchown change_owner(uid_t owner, gid_t group) noexcept { return {descriptor_, owner, group}; }
  task<result<void>> close() { return descriptor_.close(); }

  descriptor& opened() noexcept { return descriptor_; }

 private:
  descriptor descriptor_;
};

}  // namespace gyre
