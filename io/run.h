#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "gyre/io/choose_backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// How `run` and `run_on_cores` set a runtime up.
class run_options {
 public:
  run_options() noexcept {}

  backend_choice backend = backend_choice::automatic;
  uring_options uring;
  /// Loops of `run_on_cores`, one thread each; 0 is one for each CPU that this process may use
  /// (sched_getaffinity(2)), but no more than the quota of its cgroup (cpu.max) gives it time for.
  unsigned cores = 1;
  /// Whether `run_on_cores` binds each loop to a CPU of its own, of those that the process may use.
  /// Not done under a quota that gives it less time than these have.
  bool pin = true;
  /// For tests on one loop: time stands still while a task can go on, and jumps to the next
  /// deadline when all wait; see `manual_clock`.
  bool manual_clock = false;
  /// How long a task may hold its loop: each that runs on for longer, without a wait in between, is
  /// told to `log` with how long and where, as a backtrace with the names that the program exports
  /// (-rdynamic), and with what addr2line(1) takes. 0 doesn't look. Costs a thread for each loop
  /// that looks twice within the limit, and the loop nothing. Takes SIGURG, where nobody else has.
  std::chrono::nanoseconds stall_limit{0};
  /// Told once of each thing that is less than asked for; and where a loop has nothing else to do
  /// but wait for other threads, once and after 2 s, if all of its tasks wait for each other, with
  /// a list of them: see `dump_tasks`. (Not of the loops of `run_on_cores`, which wait for each
  /// other's messages.) Of stalls by a thread of its own for each loop. By default a line on
  /// standard error.
  log_hook log;
};

/// Makes a loop of this thread as `options` say; throws `backend_error` when no backend can be had.
std::unique_ptr<loop> make_loop(const run_options& options);

/// Runs `main` on a new loop on this thread until it has finished, and gives what it returns;
/// throws what it throws. No task, descriptor, thread or operation is left afterwards. Throws
/// `backend_error` when no backend can be had. SIGPIPE is blocked in this thread meanwhile: a peer
/// that went away is an error of its operation.
///
///     int main() { return gyre::run(serve(8080)); }
template <class T>
T run(task<T> main, const run_options& options = run_options()) {
  const std::unique_ptr<loop> home = make_loop(options);
  return run_on(*home, std::move(main));
}

/// The loops of a `run_on_cores`, as each of their tasks sees them.
class cores {
 public:
  cores(const cores&) = delete;
  cores& operator=(const cores&) = delete;

  unsigned count() const noexcept { return count_; }

  /// Calls `function(core)` once on each loop's thread, at its next turn, and returns at once. From
  /// any thread that runs one of the loops. A loop whose main task has ended is passed over. What
  /// `function` throws comes out of `run_on_cores`.
  void post_to_each(std::function<void(unsigned core)> function);

  /// What the backend of the loop `core`, which is below `count()`, said about itself when the loop
  /// began; it stays as it is. From any thread that runs one of the loops, and without a lock: all
  /// were gathered before the first main task began.
  const backend_report& report(unsigned core) const noexcept;

  /// The loop `core`, which is below `count()`. It is there until the main tasks of all have ended,
  /// and takes messages for as long. From any thread that runs one of the loops, without a lock.
  loop& at(unsigned core) const noexcept {
    check(core < count_, "a core was asked for that there isn't");
    return *loops_[core];
  }

  /// Calls `function()` on the loop `core`, and gives what it gives, as a `result`: see
  /// `gyre::submit_to`. `operation_canceled` once the main task of that core has ended.
  ///
  ///     const auto value =
  ///         co_await cores.submit_to(owner_of(key), [&] { return shard().get(key); });
  template <class Function>
    requires std::is_invocable_v<Function&>
  submit_to_awaiter<Function> submit_to(unsigned core, Function&& function) {
    return gyre::submit_to(at(core), std::forward<Function>(function));
  }

 protected:
  explicit cores(unsigned count);
  ~cores() = default;
  virtual void post(unsigned core, std::function<void()> function) = 0;

  std::vector<backend_report> reports_;
  std::vector<loop*> loops_;

 private:
  unsigned count_;
};

/// Runs `make(cores, core)` as the main task of each of `options.cores` loops, the first on this
/// thread. `make` is called on each loop's own thread, at the same time on all. None begins before
/// all loops are there. Returns when all have ended. When one throws, or no backend can be had for
/// it, the others are asked to stop, and its exception is thrown.
void run_on_cores(const run_options& options,
                  std::function<task<void>(cores&, unsigned core)> make);

}  // namespace gyre
