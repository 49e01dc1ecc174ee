#pragma once

#include <cstddef>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Lets any number of tasks in that read, or one that writes. First come first served: a reader
/// that comes after a waiting writer waits for it, so that writers are not starved, and readers
/// that stand next to each other go in together. Must outlive its guards and those who wait. To be
/// used as `shared_mutex` or `cross_shared_mutex`.
template <class Reach>
class basic_shared_mutex {
  using section = typename Reach::section;

 public:
  basic_shared_mutex() noexcept = default;
  basic_shared_mutex(const basic_shared_mutex&) = delete;
  basic_shared_mutex& operator=(const basic_shared_mutex&) = delete;
  ~basic_shared_mutex() {
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
    friend class basic_shared_mutex;
    explicit basic_guard(basic_shared_mutex& mutex) noexcept : mutex_(&mutex) {}
    basic_shared_mutex* mutex_ = nullptr;
  };
  using guard = basic_guard<true>;          ///< of the one that writes
  using shared_guard = basic_guard<false>;  ///< of one that reads

  template <bool alone>
  class lock_wait;

  /// Gives a guard that holds the mutex alone. A stop of the task ends the wait with
  /// `operation_canceled`; if the mutex had been handed over before the stop, the guard is given.
  lock_wait<true> lock() noexcept { return lock_wait<true>(*this); }
  /// Gives a guard that holds the mutex together with others who do this; stopped like `lock`.
  lock_wait<false> lock_shared() noexcept { return lock_wait<false>(*this); }

  /// A guard that holds the mutex when that could be had at once, and else nothing.
  guard try_lock() noexcept {
    section inside(lock_);
    return take<true>() ? guard(*this) : guard();
  }
  /// Likewise; not while somebody waits to write.
  shared_guard try_lock_shared() noexcept {
    section inside(lock_);
    return take<false>() ? shared_guard(*this) : shared_guard();
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  class place : public Reach::wait {
   protected:
    friend class basic_shared_mutex;
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
    section inside(lock_);
    if constexpr (alone)
      writer_ = false;
    else
      --readers_;
    serve(inside);
  }

  bool is_free_for(bool alone) const noexcept { return !writer_ && (!alone || readers_ == 0); }
  void enter(bool alone) noexcept {
    if (alone)
      writer_ = true;
    else
      ++readers_;
  }
  void serve(section& inside) noexcept {
    while (!waiting_.empty() && is_free_for(waiting_.first().alone_)) {
      enter(waiting_.first().alone_);
      inside.grant(waiting_.first());
    }
  }

  wait_queue<place> waiting_;
  std::size_t readers_ = 0;
  bool writer_ = false;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread; no atomics.
using shared_mutex = basic_shared_mutex<one_loop>;
/// For the tasks of any loops, see `any_loop`. A guard may be released on any thread.
using cross_shared_mutex = basic_shared_mutex<any_loop>;

/// A wait for a shared_mutex.
template <class Reach>
template <bool alone>
class [[nodiscard]] basic_shared_mutex<Reach>::lock_wait final
    : public basic_wait<Reach, basic_shared_mutex, lock_wait<alone>, place> {
 public:
  explicit lock_wait(basic_shared_mutex& mutex) noexcept
      : basic_wait<Reach, basic_shared_mutex, lock_wait, place>(mutex, alone) {}
  ~lock_wait() { this->check_has_left(); }

  result<basic_guard<alone>> await_resume() noexcept {
    if (this->ended_by_stop()) return std::errc::operation_canceled;
    return basic_guard<alone>(this->of_);
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;
  bool attempt(section&) noexcept { return this->of_.template take<alone>(); }
  // Readers behind a writer that leaves may go in.
  void left(section& inside) noexcept { this->of_.serve(inside); }
  const char* name() const noexcept override { return "shared_mutex"; }
};

}  // namespace gyre
