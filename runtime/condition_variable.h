#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// A wait until something holds that a mutex guards. Whoever changes it says so by `notify_one` or
/// `notify_all`, while holding the mutex or after. Who is notified, or stopped, stands in line for
/// the mutex like everybody, and has it when its wait ends. Must outlive its waiters. To be used as
/// `condition_variable` or `cross_condition_variable`.
///
///     auto guard = co_await mutex.lock();
///     …
///     if (!co_await changed.wait(*guard, [&] { return !jobs.empty(); })) co_return;  // stopped
template <class Reach>
class basic_condition_variable {
  using section = typename Reach::section;
  using mutex = basic_mutex<Reach>;
  using guard = typename mutex::guard;

 public:
  basic_condition_variable() noexcept = default;
  basic_condition_variable(const basic_condition_variable&) = delete;
  basic_condition_variable& operator=(const basic_condition_variable&) = delete;
  ~basic_condition_variable() {
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
  /// a notified waiter, always on the waiter's loop: within one loop by the task that unlocks,
  /// between loops outside of any task. It may only look, and must not throw.
  template <class Predicate>
    requires std::is_nothrow_move_constructible_v<Predicate> &&
             std::is_invocable_r_v<bool, Predicate&>
  waiter<Predicate> wait(guard& guard, Predicate holds) noexcept {
    return waiter<Predicate>(*this, mutex_of(guard), std::move(holds));
  }

  /// Waits until notified; what was waited for may be over again when this goes on. A notification
  /// that came before the stop is delivered.
  waiter<notification> wait(guard& guard) noexcept {
    return waiter<notification>(*this, mutex_of(guard), notification());
  }

  /// Lets the one that has waited longest look whether it can go on.
  void notify_one() noexcept {
    entry* notified = nullptr;
    {
      section inside(lock_);
      if (waiting_.empty()) return;
      notified = &waiting_.first();
      notified->leave_condition();
    }
    notified->stand_in_line();
  }
  /// Lets all that wait now look whether they can go on, one after the other.
  void notify_all() noexcept {
    wait_queue<entry> notified;  // those that can't go on wait anew
    {
      section inside(lock_);
      while (!waiting_.empty()) {
        entry& first = waiting_.first();
        first.leave_condition();
        notified.push(first);
      }
    }
    while (!notified.empty()) {
      entry& first = notified.first();
      first.leave_queue();
      first.stand_in_line();
    }
  }

 private:
  static mutex& mutex_of(guard& guard) noexcept {
    check(guard.owns_lock(), "a condition was waited for with a guard that holds no mutex");
    return *guard.mutex_;
  }

  /// Stands in the condition's queue until it is notified or stopped, then in the mutex's. What is
  /// said of it before is said under the lock of the condition.
  class entry : public Reach::wait {
   protected:
    friend class basic_condition_variable;
    entry(basic_condition_variable& condition, mutex& mutex) noexcept
        : condition_(condition), mutex_(mutex) {}
    ~entry() = default;

    void begin_anew() noexcept {
      in_line_ = false;
      stopped_ = false;
      unnotified_ = false;
    }
    void leave_condition() noexcept {
      this->leave_queue();
      in_line_ = true;
    }
    void stand_in_condition() noexcept {
      section inside(condition_.lock_);
      in_line_ = false;
      this->stage_ = queued_wait::stage::queued;
      condition_.waiting_.push(*this);
    }
    /// It may be gone on return.
    void stand_in_line() noexcept {
      section inside(mutex_.lock_);
      mutex_.waiting_.push(*this);
      if (mutex_.take()) mutex_.hand_over(inside);  // nobody holds it: it comes to this one
    }
    void request_stop() noexcept override {
      stopped_ = true;
      {
        section inside(condition_.lock_);
        if (in_line_) return;
        leave_condition();
      }
      unnotified_ = true;
      stand_in_line();
    }

    basic_condition_variable& condition_;
    mutex& mutex_;
    bool in_line_ = false;
    bool stopped_ = false;
    bool unnotified_ = false;
  };

  wait_queue<entry> waiting_;
  [[no_unique_address]] typename Reach::lock lock_;
};

/// For the tasks of one loop and a `mutex`, on its thread.
using condition_variable = basic_condition_variable<one_loop>;
/// For the tasks of any loops and a `cross_mutex`, see `any_loop`; notified from any thread.
using cross_condition_variable = basic_condition_variable<any_loop>;

/// A wait for a condition_variable.
template <class Reach>
template <class Predicate>
class [[nodiscard]] basic_condition_variable<Reach>::waiter final : private entry {
 public:
  waiter(basic_condition_variable& condition, mutex& mutex, Predicate holds) noexcept
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
    {
      section inside(this->condition_.lock_);
      canceled_ = !this->wait_in(this->condition_.waiting_, awaiting.promise(), at);
    }
    if (canceled_) return false;
    this->mutex_.unlock();
    return true;
  }
  result<void> await_resume() noexcept {
    this->end_wait();
    this->begin_anew();
    if (std::exchange(canceled_, false)) return std::errc::operation_canceled;
    return {};
  }

 private:
  static constexpr bool is_notification = std::same_as<Predicate, notification>;

  bool is_over() noexcept {
    if constexpr (is_notification)
      return !this->unnotified_;
    else
      return holds_();
  }
  // The mutex has come. Who hands it over within a loop goes on to the next by itself.
  bool settles() noexcept override {
    canceled_ = !is_over();
    if (!canceled_ || this->stopped_) return true;
    this->stand_in_condition();
    if constexpr (Reach::between_loops) this->mutex_.unlock();
    return false;
  }
  const char* name() const noexcept override { return "condition_variable"; }

  Predicate holds_;
  bool canceled_ = false;
};

}  // namespace gyre
