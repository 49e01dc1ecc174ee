#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
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
  task<result<file_status>> status();
  task<result<void>> close() { return descriptor_.close(); }

  descriptor& opened() noexcept { return descriptor_; }

 private:
  descriptor descriptor_;
};

}  // namespace gyre
