#pragma once

#include <coroutine>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Lets one task at a time into what tasks of one loop share across their awaits (between two
/// awaits nobody else of the loop runs, so nothing is needed there). Whoever unlocks hands over to
/// the one that has waited longest, and nobody comes in between. No atomics: for the tasks of one
/// loop, on its thread. Must outlive its guards and those who wait.
///
///     if (auto guard = co_await mutex.lock()) {
///       …  // until the guard's end, or guard->unlock()
///     }
class mutex {
 public:
  mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex() {
    check(!locked_, "a mutex was destroyed while it was locked: await those first that use it");
  }

  /// Holds a mutex, and unlocks it when destroyed.
  class [[nodiscard]] guard {
   public:
    /// Holds nothing.
    guard() noexcept = default;
    guard(guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    guard& operator=(guard&& other) noexcept {
      guard moved(std::move(other));
      std::swap(mutex_, moved.mutex_);
      return *this;
    }
    ~guard() {
      if (mutex_) mutex_->unlock();
    }

    bool owns_lock() const noexcept { return mutex_ != nullptr; }
    /// Unlocks early; the guard holds nothing then.
    void unlock() noexcept {
      check(mutex_ != nullptr, "a guard was unlocked that holds no mutex");
      std::exchange(mutex_, nullptr)->unlock();
    }

   private:
    friend class mutex;
    friend class condition_variable;
    explicit guard(mutex& mutex) noexcept : mutex_(&mutex) {}
    mutex* mutex_ = nullptr;
  };

  class lock_wait;

  /// Gives a guard, at once when the mutex is free. A stop of the task ends the wait with
  /// `operation_canceled`; if the mutex had been handed over before the stop, the guard is given.
  lock_wait lock() noexcept;

  /// A guard that holds the mutex when it was free, and nothing when it was not.
  guard try_lock() noexcept { return take() ? guard(*this) : guard(); }

  bool is_locked() const noexcept { return locked_; }

 private:
  friend class condition_variable;

  /// Who waits to be handed the mutex.
  class heir : public queued_wait {
   protected:
    friend class mutex;
    heir() noexcept = default;
    ~heir() = default;
    /// Goes on with the mutex, or gives it back. It stands in no queue.
    virtual bool inherit() noexcept = 0;
  };

  bool take() noexcept { return !std::exchange(locked_, true); }
  void unlock() noexcept {
    if (heirs_.empty()) [[likely]]
      locked_ = false;
    else
      hand_over();
  }
  [[gnu::noinline]] void hand_over() noexcept {
    while (!heirs_.empty()) {
      heir& next = heirs_.first();
      next.leave_queue();
      if (next.inherit()) return;
    }
    locked_ = false;
  }

  wait_queue<heir> heirs_;
  bool locked_ = false;
};

/// A wait for a mutex.
class [[nodiscard]] mutex::lock_wait final : private heir {
 public:
  explicit lock_wait(mutex& mutex) noexcept : mutex_(mutex) {}
  ~lock_wait() { check_has_left(); }

  bool await_ready() const noexcept { return mutex_.take(); }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return wait_in(mutex_.heirs_, awaiting.promise(), at);
  }
  result<guard> await_resume() noexcept {
    if (ended_by_stop()) [[unlikely]]
      return std::errc::operation_canceled;
    return guard(mutex_);
  }

 private:
  bool inherit() noexcept override { return go_on(), true; }
  const char* name() const noexcept override { return "mutex"; }

  mutex& mutex_;
};

inline mutex::lock_wait mutex::lock() noexcept {
  return lock_wait(*this);
}

}  // namespace gyre
