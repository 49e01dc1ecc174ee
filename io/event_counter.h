#pragma once

#include <cstdint>

#include "gyre/io/descriptor.h"
#include "gyre/io/event_ops.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// A number that is added to anywhere (in other threads, in other processes that inherit the
/// descriptor, in the kernel) and taken by a task that waits for it: an eventfd(2).
class event_counter {
 public:
  enum class taking {
    all,        ///< `take` gives the number and leaves 0
    one_by_one  ///< `take` gives 1 and leaves one less: a semaphore
  };

  /// Fails with EMFILE or ENFILE when descriptors are out.
  static result<event_counter> create(unsigned initial = 0, taking how = taking::all);

  /// Waits until the number is more than 0, and takes it. One task of several that wait gets it. A
  /// stop takes nothing.
  op::eventfd_read take() noexcept { return op::eventfd_read(counter_); }
  /// Adds `value` at once, from any thread, also from a signal handler, but not while the counter
  /// is being closed or moved. `resource_unavailable_try_again` where the number would exceed
  /// 2^64 - 2: nothing is added. `invalid_argument` for 2^64 - 1.
  result<void> post(std::uint64_t value = 1) noexcept;

  /// Ends what waits here with `operation_canceled`, then closes.
  task<result<void>> close() { return counter_.close(); }
  descriptor& counter() noexcept { return counter_; }

 private:
  explicit event_counter(int fd) noexcept : counter_(fd) {}

  descriptor counter_;
};

}  // namespace gyre
