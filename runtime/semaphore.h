#pragma once

#include <coroutine>
#include <cstddef>
#include <limits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// A number of permits that the tasks of one loop share: so many connections, bytes in memory,
/// requests under way. First come first served: who asks for many is not overtaken by those who ask
/// for few, even where their permits are there. Must outlive its permits and those who wait; used
/// on its loop's thread only.
///
///     gyre::semaphore requests(100);
///     …
///     if (auto permit = co_await requests.acquire()) co_await answer(request);
class semaphore {
 public:
  explicit semaphore(std::size_t permits) noexcept : available_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() { check(waiting_.empty(), "a semaphore was destroyed while tasks wait for it"); }

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
    /// `semaphore::release` for them elsewhere, or never.
    std::size_t keep() noexcept {
      from_ = nullptr;
      return std::exchange(count_, 0);
    }

   private:
    friend class semaphore;
    permits(semaphore& from, std::size_t count) noexcept : from_(&from), count_(count) {}
    semaphore* from_ = nullptr;
    std::size_t count_ = 0;
  };

  class [[nodiscard]] acquire_wait final : public queued_wait {
   public:
    acquire_wait(semaphore& from, std::size_t count) noexcept : from_(from), count_(count) {}
    ~acquire_wait() { check_has_left(); }

    bool await_ready() const noexcept { return from_.take(count_); }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) noexcept {
      return wait_in(from_.waiting_, awaiting.promise(), at);
    }
    result<permits> await_resume() noexcept {
      if (ended_by_stop()) return std::errc::operation_canceled;
      return permits(from_, count_);
    }

   private:
    friend class semaphore;
    void request_stop() noexcept override {
      queued_wait::request_stop();
      from_.serve();  // those behind may want less
    }
    const char* name() const noexcept override { return "semaphore"; }

    semaphore& from_;
    std::size_t count_;
  };

  /// Gives `count` permits, at once when they are there and nobody waits. A stop of the task ends
  /// the wait with `operation_canceled` and takes none; permits that were there before the stop are
  /// given. Asking for more than there will ever be waits until the stop.
  acquire_wait acquire(std::size_t count = 1) noexcept { return acquire_wait(*this, count); }

  /// Permits that can be had at once, or none.
  permits try_acquire(std::size_t count = 1) noexcept {
    return take(count) ? permits(*this, count) : permits();
  }

  /// Adds `count` permits, whether they were acquired before or not.
  void release(std::size_t count = 1) noexcept {
    check(count <= std::numeric_limits<std::size_t>::max() - available_,
          "a semaphore was given more permits than it can count");
    available_ += count;
    serve();
  }

  std::size_t available() const noexcept { return available_; }

 private:
  bool take(std::size_t count) noexcept {
    if (count > available_ || !waiting_.empty()) return false;
    available_ -= count;
    return true;
  }
  void serve() noexcept {
    while (!waiting_.empty() && waiting_.first().count_ <= available_) {
      acquire_wait& next = waiting_.first();
      available_ -= next.count_;
      next.grant();
    }
  }

  wait_queue<acquire_wait> waiting_;
  std::size_t available_;
};

}  // namespace gyre
