#pragma once

#include <cstddef>
#include <limits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// A number of permits that tasks share: so many connections, bytes in memory, requests under way.
/// First come first served: who asks for many is not overtaken by those who ask for few, even where
/// their permits are there. Must outlive its permits and those who wait. To be used as `semaphore`
/// or `cross_semaphore`.
///
///     gyre::semaphore requests(100);
///     …
///     if (auto permit = co_await requests.acquire()) co_await answer(request);
template <class Reach>
class basic_semaphore {
  using section = typename Reach::section;

 public:
  explicit basic_semaphore(std::size_t permits) noexcept : available_(permits) {}
  basic_semaphore(const basic_semaphore&) = delete;
  basic_semaphore& operator=(const basic_semaphore&) = delete;
  ~basic_semaphore() {
    check(waiting_.empty(), "a semaphore was destroyed while tasks wait for it");
  }

  /// Permits that were acquired together; given back when destroyed.
  class [[nodiscard]] permits {
   public:
    /// None.
    permits() noexcept = default;
    permits(permits&& other) noexcept
        : from_(std::exchange(other.from_, nullptr)), count_(std::exchange(other.count_, 0)) {}
    permits& operator=(permits&& other) noexcept {
      permits moved(std::move(other));
      std::swap(from_, moved.from_);
      std::swap(count_, moved.count_);
      return *this;
    }
    ~permits() { release(); }

    /// True when they were got and not given back.
    explicit operator bool() const noexcept { return from_ != nullptr; }
    std::size_t count() const noexcept { return count_; }

    /// Gives them back early.
    void release() noexcept {
      if (from_) std::exchange(from_, nullptr)->release(std::exchange(count_, 0));
    }
    /// Lets go of them without giving them back, and says how many they were: for those who call
    /// `release` of the semaphore for them elsewhere, or never.
    std::size_t keep() noexcept {
      from_ = nullptr;
      return std::exchange(count_, 0);
    }

   private:
    friend class basic_semaphore;
    permits(basic_semaphore& from, std::size_t count) noexcept : from_(&from), count_(count) {}
    basic_semaphore* from_ = nullptr;
    std::size_t count_ = 0;
  };

  /// A wait for permits.
  class [[nodiscard]] acquire_wait final : public basic_wait<Reach, basic_semaphore, acquire_wait> {
   public:
    acquire_wait(basic_semaphore& from, std::size_t count) noexcept
        : basic_wait<Reach, basic_semaphore, acquire_wait>(from), count_(count) {}
    ~acquire_wait() { this->check_has_left(); }

    result<permits> await_resume() noexcept {
      if (this->ended_by_stop()) return std::errc::operation_canceled;
      return permits(this->of_, count_);
    }

   private:
    friend class basic_semaphore;
    template <class, class, class, class>
    friend class basic_wait;
    bool attempt(section&) noexcept { return this->of_.take(count_); }
    // Those behind may want less.
    void left(section& inside) noexcept { this->of_.serve(inside); }
    const char* name() const noexcept override { return "semaphore"; }

    std::size_t count_;
  };

  /// Gives `count` permits, at once when they are there and nobody waits. A stop of the task ends
  /// the wait with `operation_canceled` and takes none; permits that were there before the stop are
  /// given. Asking for more than there will ever be waits until the stop.
  acquire_wait acquire(std::size_t count = 1) noexcept { return acquire_wait(*this, count); }

  /// Permits that can be had at once, or none.
  permits try_acquire(std::size_t count = 1) noexcept {
    section inside(lock_);
    return take(count) ? permits(*this, count) : permits();
  }

  /// Adds `count` permits, whether they were acquired before or not.
  void release(std::size_t count = 1) noexcept {
    section inside(lock_);
    check(count <= std::numeric_limits<std::size_t>::max() - available_,
          "a semaphore was given more permits than it can count");
    available_ += count;
    serve(inside);
  }

  std::size_t available() const noexcept {
    const section inside(lock_);
    return available_;
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  bool take(std::size_t count) noexcept {
    if (count > available_ || !waiting_.empty()) return false;
    available_ -= count;
    return true;
  }
  void serve(section& inside) noexcept {
    while (!waiting_.empty() && waiting_.first().count_ <= available_) {
      available_ -= waiting_.first().count_;
      inside.grant(waiting_.first());
    }
  }

  wait_queue<acquire_wait> waiting_;
  std::size_t available_;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
using semaphore = basic_semaphore<one_loop>;
/// For the tasks of any loops, see `any_loop`. Permits may be released on any thread.
using cross_semaphore = basic_semaphore<any_loop>;

}  // namespace gyre
