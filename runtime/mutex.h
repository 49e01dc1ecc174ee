#pragma once

#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

template <class Reach>
class basic_condition_variable;

/// Lets one task at a time into what tasks share across their awaits. Whoever unlocks hands over to
/// the one that has waited longest, and nobody comes in between. Must outlive its guards and those
/// who wait. To be used as `mutex` or `cross_mutex`.
///
///     if (auto guard = co_await mutex.lock()) {
///       …  // until the guard's end, or guard->unlock()
///     }
template <class Reach>
class basic_mutex {
 public:
  basic_mutex() noexcept = default;
  basic_mutex(const basic_mutex&) = delete;
  basic_mutex& operator=(const basic_mutex&) = delete;
  ~basic_mutex() {
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
    friend class basic_mutex;
    friend class basic_condition_variable<Reach>;
    explicit guard(basic_mutex& mutex) noexcept : mutex_(&mutex) {}
    basic_mutex* mutex_ = nullptr;
  };

  class lock_wait;

  /// Gives a guard, at once when the mutex is free. A stop of the task ends the wait with
  /// `operation_canceled`; if the mutex had been handed over before the stop, the guard is given.
  lock_wait lock() noexcept { return lock_wait(*this); }

  /// A guard that holds the mutex when it was free, and nothing when it was not.
  guard try_lock() noexcept {
    section inside(lock_);
    return take() ? guard(*this) : guard();
  }

  bool is_locked() const noexcept {
    const section inside(lock_);
    return locked_;
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;
  friend class basic_condition_variable<Reach>;
  using section = typename Reach::section;

  bool take() noexcept { return !std::exchange(locked_, true); }
  void unlock() noexcept {
    section inside(lock_);
    if (waiting_.empty()) [[likely]]
      locked_ = false;
    else
      hand_over(inside);
  }
  [[gnu::noinline]] void hand_over(section& inside) noexcept {
    while (!waiting_.empty())
      if (inside.offer(waiting_.first())) return;
    locked_ = false;
  }

  wait_queue<typename Reach::wait> waiting_;
  bool locked_ = false;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread; no atomics. (Between two awaits nobody else of the
/// loop runs, so that nothing is needed there.)
using mutex = basic_mutex<one_loop>;
/// For the tasks of any loops, see `any_loop`. A guard may be released on any thread.
using cross_mutex = basic_mutex<any_loop>;

/// A wait for a mutex.
template <class Reach>
class [[nodiscard]] basic_mutex<Reach>::lock_wait final
    : public basic_wait<Reach, basic_mutex, lock_wait> {
 public:
  explicit lock_wait(basic_mutex& mutex) noexcept
      : basic_wait<Reach, basic_mutex, lock_wait>(mutex) {}
  ~lock_wait() { this->check_has_left(); }

  result<guard> await_resume() noexcept {
    if (this->ended_by_stop()) [[unlikely]]
      return std::errc::operation_canceled;
    return guard(this->of_);
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;
  bool attempt(section&) noexcept { return this->of_.take(); }
  const char* name() const noexcept override { return "mutex"; }
};

}  // namespace gyre
