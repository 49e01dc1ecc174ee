#pragma once

#include <cstddef>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// The two ends of a pipe(7).
class pipe {
 public:
  /// Makes a pipe that holds about `capacity` bytes; smaller where the system's limit for pipes
  /// (fs.pipe-max-size) says so. Only in a task. Fails with EMFILE or ENFILE when descriptors are
  /// out.
  static result<pipe> create(std::size_t capacity);

  std::size_t capacity() const noexcept { return capacity_; }

  descriptor read_end;
  descriptor write_end;

 private:
  pipe(int read_fd, int write_fd, std::size_t capacity) noexcept
      : read_end(read_fd), write_end(write_fd), capacity_(capacity) {}

  std::size_t capacity_;
};

}  // namespace gyre
