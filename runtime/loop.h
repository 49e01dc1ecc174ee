#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/operation_metrics.h"
#include "gyre/runtime/ready_queue.h"
#include "gyre/runtime/time.h"
#include "gyre/runtime/timer_wheel.h"
#include "gyre/runtime/tracer.h"

namespace gyre {

class await_chain;
class descriptor_users;
class linked_operations;
class loop_observer;
class operation;
class promise_base;
class ready_classes;
class scope;
class task_wait;

/// A task record that has ended and can be destroyed as soon as nothing runs inside its frame.
class retired {
 protected:
  retired() noexcept = default;
  ~retired() = default;

 private:
  friend class loop;
  virtual void destroy() noexcept = 0;
  retired* next_retired_ = nullptr;
};

/// What a loop has done since it was made.
class loop_counters {
 public:
  loop_counters() noexcept {}

  std::uint64_t turns = 0;    ///< times that the kernel was asked for completions
  std::uint64_t resumed = 0;  ///< coroutines resumed from the ready queue
  std::uint64_t timers_fired = 0;
  std::uint64_t messages = 0;  ///< messages delivered from other threads
};

/// One thread's event loop: a ready queue, timers, one backend. Each turn resumes what is ready (a
/// bounded number), enters the kernel once for everything that was submitted meanwhile, and fires
/// timers; so none of the three can starve the others. A loop and all that belongs to it is used by
/// one thread, but for `post`.
class loop {
 public:
  /// Runs by `run_on`, on the thread that has made it; a thread runs one loop at a time.
  explicit loop(std::unique_ptr<backend> backend);
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop();

  /// The loop that runs on this thread. A programmer error where none does.
  static loop& current() noexcept;
  static loop* current_or_null() noexcept;

  /// Resumes `node` at its turn.
  void make_ready(ready_node& node) noexcept { ready_.push(node); }

  /// Counts a direct transfer from one coroutine to another; false once it is time to go through
  /// the ready queue instead, so that the stack stays bounded. Of the loop that runs on this
  /// thread: transfers are so short that finding their loop would be a part of them.
  static bool take_hop() noexcept { return --hops_left_ >= 0; }

  /// Counts a wait that ends without suspending; false once its task must let others run instead,
  /// so that what is always ready doesn't keep the loop from everybody else. At most 32 in a row,
  /// and they count for a turn as the resumed coroutines do.
  bool take_immediate() noexcept { return immediate_left_-- > 0; }

  /// Hands `operation` to the backend; true when its result is there already.
  bool submit(operation& operation) noexcept {
    return backend_->submit(operation) && goes_on_at_once(operation);
  }

  /// Lets `wait` pass a stop on to its tasks: at once, or after all others that do.
  void pass_stop_on(task_wait& wait) noexcept;

  /// Asks all to end early that is in flight on a descriptor, or in a link with such.
  void cancel_all(const descriptor_users& users) noexcept;

  void arm(timer& timer, steady_time deadline) noexcept { timers_.arm(timer, deadline); }
  void disarm(timer& timer) noexcept { timers_.disarm(timer); }
  std::size_t timers_armed() const noexcept { return timers_.size(); }
  steady_time now() const noexcept { return backend_->now(); }

  /// When this turn began, in units of 2^22 ns (4.2 ms) that wrap after half a year: what each wait
  /// notes of its beginning.
  std::uint32_t stamp() const noexcept { return stamp_; }
  /// How long ago `stamp` was.
  std::chrono::nanoseconds since(std::uint32_t stamp) const noexcept;

  /// A number below `count`, as if by chance: where a choice took turns, what others do could keep
  /// one of those to choose from its turn for ever. Each loop draws the same numbers.
  std::size_t draw(std::size_t count) noexcept {
    chance_ ^= chance_ << 13;  // Marsaglia's xorshift
    chance_ ^= chance_ >> 17;
    chance_ ^= chance_ << 5;
    return static_cast<std::size_t>(std::uint64_t{chance_} * count >> 32);
  }

  /// Delivers `message` on this loop's thread, in order with others of the same sender, or discards
  /// it when the loop ends first. From any thread, while the loop exists; what the message makes
  /// happen may end it.
  void post(message& message) noexcept;

  /// Destroys `ended` once the coroutine that is being resumed has returned.
  void retire(retired& ended) noexcept {
    ended.next_retired_ = retired_;
    retired_ = &ended;
  }

  backend& kernel() noexcept { return *backend_; }
  const loop_counters& counters() const noexcept { return counters_; }
  /// What became of its operations, kind by kind. On its thread.
  loop_metrics& metrics() noexcept { return metrics_; }

  /// Tells `observer` what happens here, from the loop's next turn on; nobody where it is null. The
  /// observer has to live until it is replaced or the loop ends. Costs nothing where there is none
  /// but a branch where a task begins or ends, or an operation. On the loop's thread, or before it
  /// runs.
  void observe(loop_observer* observer) noexcept {
    asked_observer_ = observer;
    choose_observer();
  }
  /// Whom it tells: that observer, or who comes by the probes for it too (probes.h), or null.
  loop_observer* observer() const noexcept { return observer_; }

  /// Its latency classes; null where it has none but the default one.
  ready_classes* classes() const noexcept { return classes_.get(); }
  /// The same, after making it have them: from the next turn on. See `latency_class`.
  ready_classes& make_classes();

  /// Whether the two below are to be told of each chain that runs beside others.
  bool follows_chains() const noexcept { return follows_chains_; }
  void chain_begins(await_chain& chain) noexcept;
  void chain_ends(await_chain& chain) noexcept;

  /// Whether it runs something, and is not in its backend's hands. From any thread.
  bool is_busy() noexcept { return std::atomic_ref(busy_).load(std::memory_order_relaxed); }
  /// Another number each time that it has got on to something else. From any thread.
  std::uint64_t progress() noexcept;

  /// The scope of detached tasks while `run` runs, else null.
  scope* root() const noexcept { return root_; }

  /// `look(*this)` is called when nothing has happened for `patience`, no task is ready, no timer
  /// is armed and no operation in flight, so that only a message from another thread can let any go
  /// on: see `all_wait_for_each_other`. Once it has given true it is not called again.
  void when_stuck(std::function<bool(loop&)> look) { look_ = std::move(look); }
  static constexpr std::chrono::seconds patience{2};

  /// Calls `function(node)` for each that is ready, in their order, class by class.
  void for_each_ready(const std::function<void(const ready_node&)>& function) const;

  /// Turns until `done`. For `run`, which is what to call instead.
  void drive(const bool& done, scope& root);

 private:
  friend class linked_operations;
  static constexpr int hops_max = 128;
  static constexpr int resumes_max = 1024;
  static constexpr int immediate_max = 32;
  static constexpr std::size_t timers_max = 1024;

  void choose_observer() noexcept;
  inline void look_for_tracers() noexcept;
  void resume_observed(promise_base& next);
  bool goes_on_at_once(operation& ended) noexcept;
  template <bool Observed>
  int run(promise_base& next);
  template <bool Observed>
  void run_ready();
  void run_classes();
  void run_class_turns();
  void run_followed();
  void poll();
  void poll_at_once();
  inline void deliver_and_fire();
  void wait();
  void set_busy(bool busy) noexcept {
    std::atomic_ref(busy_).store(busy, std::memory_order_relaxed);
  }
  void poll_stuck();
  bool may_be_stuck() const noexcept;

  static inline constinit thread_local int hops_left_ = 0;

  ready_queue ready_;
  int immediate_left_ = 0;
  std::uint32_t stamp_;
  bool follows_chains_ = false;
  retired* retired_ = nullptr;
  loop_counters counters_;
  bool busy_ = false;
  std::unique_ptr<backend> backend_;  // may look at those before it to its end
  timer_wheel timers_;
  scope* root_ = nullptr;
  linked_operations* links_ = nullptr;
  task_wait* asked_ = nullptr;  // those that have not passed their stop on yet
  bool passes_stops_on_ = false;
  std::uint32_t chance_ = 2'463'534'242;
  std::function<bool(loop&)> look_;
  std::uint64_t looked_after_ = 0;  // so many resumes
  loop_observer* asked_observer_ = nullptr;
  loop_observer* observer_ = nullptr;
  loop_observer* told_ = nullptr;  // the one that knows what runs now
  tracer tracer_{*this};
  bool traced_ = false;
  std::unique_ptr<ready_classes> classes_;
  loop_metrics metrics_;

  const bool looks_;

  alignas(64) inbox inbox_;
};

}  // namespace gyre
