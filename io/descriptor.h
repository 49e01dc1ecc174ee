#pragma once

#include <cstdint>
#include <utility>

#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Owns one file descriptor; sockets, files and pipes are built on it. Move-only. It must neither
/// be moved nor destroyed while an operation on it is in flight; `close` ends those first. Belongs
/// to one loop while it is in use; one that is not may be moved to another, as by `submit_to`.
class descriptor {
 public:
  descriptor() noexcept = default;
  /// Takes over `fd`, which should be close-on-exec; -1 is "none".
  explicit descriptor(int fd) noexcept { users_.number = fd; }
  descriptor(descriptor&& other) noexcept;
  descriptor& operator=(descriptor&& other) noexcept;
  /// Closes the descriptor with close(2). On io_uring and elsewhere alike: no operation may be in
  /// flight.
  ~descriptor() { reset(); }

  bool is_open() const noexcept { return users_.number >= 0; }
  /// The number, for calls that Gyre does not have. Still owned here.
  int number() const noexcept { return users_.number; }
  /// Gives the number up; no operation may be in flight.
  int release() noexcept;

  /// Cancels what is in flight on the descriptor (it ends with `operation_canceled`, or with the
  /// result that it has already), waits until the kernel has let go of all of it, and closes. Not
  /// ended by a stop. What begins meanwhile, another close included, ends with
  /// `bad_file_descriptor`. The error is that of close(2); the descriptor is closed all the same.
  task<result<void>> close();

  /// Whether the kernel has a position for it, as for a file, and not for a pipe or a socket, so
  /// that it can be read and written at one. Asked by the first call, by lseek(2).
  bool has_positions() noexcept {
    if (positions_ == positions::unknown) learn_positions();
    return positions_ == positions::some;
  }

  /// Whether the kernel knows plain write(2) of it alone, which can't be told not to wait: of a
  /// terminal or another character device, of an eventfd and the like; not of a pipe, a socket or
  /// what has positions. Asked by the first call, by fstat(2).
  bool writes_plainly() noexcept {
    if (writing_ == writing::unknown) learn_writing();
    return writing_ == writing::plain;
  }

  /// Where operations on this descriptor are counted.
  descriptor_users& users() noexcept { return users_; }

 private:
  friend class direct_descriptor;
  void reset() noexcept;
  int take_from(descriptor& other) noexcept;
  int close_now() noexcept;
  void learn_positions() noexcept;
  void learn_writing() noexcept;
  void unlearn() noexcept;

  enum class positions : std::uint8_t { unknown, none, some };
  enum class writing : std::uint8_t { unknown, plain, other };

  positions positions_ = positions::unknown;
  writing writing_ = writing::unknown;
  descriptor_users users_;
};

}  // namespace gyre
