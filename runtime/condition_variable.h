#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// A wait until something holds that a `mutex` guards. Whoever changes it says so by `notify_one`
/// or `notify_all`, while holding the mutex or after. Who is notified, or stopped, stands in line
/// for the mutex like everybody, and has it when its wait ends. Must outlive its waiters; for the
/// tasks of one loop, on its thread.
///
///     auto guard = co_await mutex.lock();
///     …
///     if (!co_await changed.wait(*guard, [&] { return !jobs.empty(); })) co_return;  // stopped
class condition_variable {
 public:
  condition_variable() noexcept = default;
  condition_variable(const condition_variable&) = delete;
  condition_variable& operator=(const condition_variable&) = delete;
  ~condition_variable() {
    check(waiting_.empty(), "a condition_variable was destroyed while tasks wait for it");
  }

  /// Stands for a predicate that holds once the waiter was notified.
  class notification {
   public:
    notification() noexcept = default;
  };
  template <class Predicate>
  class waiter;

  /// Waits until `holds()`; at once when it does. The mutex that `guard` holds is unlocked
  /// meanwhile, and held again when the wait has ended. That is so after a stop too, which ends it
  /// with `operation_canceled` unless `holds()` by then. `holds` is called when the mutex comes to
  /// a notified waiter, by the task that unlocks it: it may only look, and must not throw.
  template <class Predicate>
    requires std::is_nothrow_move_constructible_v<Predicate> &&
             std::is_invocable_r_v<bool, Predicate&>
  waiter<Predicate> wait(mutex::guard& guard, Predicate holds) noexcept;

  /// Waits until notified; what was waited for may be over again when this goes on. A notification
  /// that came before the stop is delivered.
  waiter<notification> wait(mutex::guard& guard) noexcept;

  /// Lets the one that has waited longest look whether it can go on.
  void notify_one() noexcept {
    if (!waiting_.empty()) waiting_.first().notified();
  }
  /// Lets all that wait now look whether they can go on, one after the other.
  void notify_all() noexcept {
    if (waiting_.empty()) return;
    const entry* last = &waiting_.last();
    const entry* first = nullptr;
    do {  // those that can't go on stand behind the last again
      first = &waiting_.first();
      notify_one();
    } while (first != last);
  }

 private:
  /// Stands in the condition's queue until it is notified or stopped, then in the mutex's.
  class entry : public mutex::heir {
   protected:
    friend class condition_variable;
    entry(condition_variable& condition, mutex& mutex) noexcept
        : condition_(condition), mutex_(mutex) {}
    ~entry() = default;

    void notified() noexcept {
      leave_queue();
      in_line_ = true;
      mutex_.heirs_.push(*this);
      if (mutex_.take()) mutex_.unlock();  // nobody holds it: it comes to this one
    }
    void request_stop() noexcept override {
      if (!is_queued()) return;
      stopped_ = true;
      if (in_line_) return;
      unnotified_ = true;
      notified();
    }

    condition_variable& condition_;
    mutex& mutex_;
    bool in_line_ = false;
    bool stopped_ = false;
    bool unnotified_ = false;
  };

  wait_queue<entry> waiting_;
};

/// A wait for a condition_variable.
template <class Predicate>
class [[nodiscard]] condition_variable::waiter final : private entry {
 public:
  waiter(condition_variable& condition, mutex& mutex, Predicate holds) noexcept
      : entry(condition, mutex), holds_(std::move(holds)) {}
  ~waiter() { this->check_has_left(); }

  bool await_ready() noexcept {
    if constexpr (is_notification)
      return false;
    else
      return holds_();
  }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    canceled_ = !this->wait_in(condition_.waiting_, awaiting.promise(), at);
    if (!canceled_) mutex_.unlock();
    return !canceled_;
  }
  result<void> await_resume() noexcept {
    this->end_wait();
    if (canceled_) return std::errc::operation_canceled;
    return {};
  }

 private:
  static constexpr bool is_notification = std::same_as<Predicate, notification>;

  bool is_over() noexcept {
    if constexpr (is_notification)
      return !unnotified_;
    else
      return holds_();
  }
  bool inherit() noexcept override {
    canceled_ = !is_over();
    if (canceled_ && !stopped_) {
      in_line_ = false;
      condition_.waiting_.push(*this);
      return false;
    }
    this->go_on();
    return true;
  }
  const char* name() const noexcept override { return "condition_variable"; }

  Predicate holds_;
  bool canceled_ = false;
};

template <class Predicate>
  requires std::is_nothrow_move_constructible_v<Predicate> &&
           std::is_invocable_r_v<bool, Predicate&>
condition_variable::waiter<Predicate> condition_variable::wait(mutex::guard& guard,
                                                               Predicate holds) noexcept {
  check(guard.owns_lock(), "a condition was waited for with a guard that holds no mutex");
  return waiter<Predicate>(*this, *guard.mutex_, std::move(holds));
}

inline condition_variable::waiter<condition_variable::notification> condition_variable::wait(
    mutex::guard& guard) noexcept {
  check(guard.owns_lock(), "a condition was waited for with a guard that holds no mutex");
  return waiter<notification>(*this, *guard.mutex_, notification());
}

}  // namespace gyre
