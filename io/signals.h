#pragma once

#include <sys/signalfd.h>

#include <initializer_list>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Signals as values that a task awaits, by signalfd(2). The signals must be blocked in every
/// thread of the process, or they take their usual effect: `block_signals` before the first thread
/// starts. Those that are sent to one thread (pthread_kill(3)) are seen where that is the loop's
/// own, but not on the backend `threads`, where another one reads.
class signals {
 public:
  static result<signals> create(std::initializer_list<int> numbers);

  /// The number of the next signal. `operation_canceled` when the task is asked to stop.
  task<result<int>> next();

 private:
  explicit signals(int fd) noexcept : source_(fd) {}

  descriptor source_;
};

/// Blocks `numbers` in this thread and in those that it starts from now on, see sigprocmask(2).
void block_signals(std::initializer_list<int> numbers);

}  // namespace gyre
