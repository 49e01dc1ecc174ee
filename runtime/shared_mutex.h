#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Lets any number of tasks of one loop in that read, or one that writes. First come first served:
/// a reader that comes after a waiting writer waits for it, so that writers are not starved, and
/// readers that stand next to each other go in together. No atomics: for the tasks of one loop, on
/// its thread. Must outlive its guards and those who wait.
class shared_mutex {
 public:
  shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;
  ~shared_mutex() {
    check(!writer_ && readers_ == 0,
          "a shared_mutex was destroyed while it was locked: await those first that use it");
  }

  /// Holds a shared_mutex, alone or together with others, and unlocks it when destroyed.
  template <bool alone>
  class [[nodiscard]] basic_guard {
   public:
    /// Holds nothing.
    basic_guard() noexcept = default;
    basic_guard(basic_guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    basic_guard& operator=(basic_guard&& other) noexcept {
      basic_guard moved(std::move(other));
      std::swap(mutex_, moved.mutex_);
      return *this;
    }
    ~basic_guard() {
      if (mutex_) mutex_->template unlock<alone>();
    }

    bool owns_lock() const noexcept { return mutex_ != nullptr; }
    /// Unlocks early; the guard holds nothing then.
    void unlock() noexcept {
      check(mutex_ != nullptr, "a guard was unlocked that holds no mutex");
      std::exchange(mutex_, nullptr)->template unlock<alone>();
    }

   private:
    friend class shared_mutex;
    explicit basic_guard(shared_mutex& mutex) noexcept : mutex_(&mutex) {}
    shared_mutex* mutex_ = nullptr;
  };
  using guard = basic_guard<true>;          ///< of the one that writes
  using shared_guard = basic_guard<false>;  ///< of one that reads

  template <bool alone>
  class lock_wait;

  /// Gives a guard that holds the mutex alone. A stop of the task ends the wait with
  /// `operation_canceled`; if the mutex had been handed over before the stop, the guard is given.
  inline lock_wait<true> lock() noexcept;
  /// Gives a guard that holds the mutex together with others who do this; stopped like `lock`.
  inline lock_wait<false> lock_shared() noexcept;

  /// A guard that holds the mutex when that could be had at once, and else nothing.
  guard try_lock() noexcept { return take<true>() ? guard(*this) : guard(); }
  /// Likewise; not while somebody waits to write.
  shared_guard try_lock_shared() noexcept {
    return take<false>() ? shared_guard(*this) : shared_guard();
  }

 private:
  class place : public queued_wait {
   protected:
    friend class shared_mutex;
    explicit place(bool alone) noexcept : alone_(alone) {}
    ~place() = default;
    const bool alone_;
  };

  template <bool alone>
  bool take() noexcept {
    if (!waiting_.empty() || !is_free_for(alone)) return false;
    enter(alone);
    return true;
  }
  template <bool alone>
  void unlock() noexcept {
    if constexpr (alone)
      writer_ = false;
    else
      --readers_;
    serve();
  }

  bool is_free_for(bool alone) const noexcept { return !writer_ && (!alone || readers_ == 0); }
  void enter(bool alone) noexcept {
    if (alone)
      writer_ = true;
    else
      ++readers_;
  }
  void serve() noexcept {
    while (!waiting_.empty() && is_free_for(waiting_.first().alone_)) {
      enter(waiting_.first().alone_);
      waiting_.first().grant();
    }
  }

  wait_queue<place> waiting_;
  std::size_t readers_ = 0;
  bool writer_ = false;
};

/// A wait for a shared_mutex.
template <bool alone>
class [[nodiscard]] shared_mutex::lock_wait final : private place {
 public:
  explicit lock_wait(shared_mutex& mutex) noexcept : place(alone), mutex_(mutex) {}
  ~lock_wait() { this->check_has_left(); }

  bool await_ready() const noexcept { return mutex_.take<alone>(); }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return wait_in(mutex_.waiting_, awaiting.promise(), at);
  }
  result<basic_guard<alone>> await_resume() noexcept {
    if (ended_by_stop()) return std::errc::operation_canceled;
    return basic_guard<alone>(mutex_);
  }

 private:
  void request_stop() noexcept override {
    place::request_stop();
    mutex_.serve();  // readers behind a writer that leaves may go in
  }
  const char* name() const noexcept override { return "shared_mutex"; }

  shared_mutex& mutex_;
};

shared_mutex::lock_wait<true> shared_mutex::lock() noexcept {
  return lock_wait<true>(*this);
}
shared_mutex::lock_wait<false> shared_mutex::lock_shared() noexcept {
  return lock_wait<false>(*this);
}

}  // namespace gyre
