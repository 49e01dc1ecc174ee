#pragma once

#include <coroutine>
#include <cstddef>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Where a number of tasks of one loop wait for each other, again and again: when as many have
/// arrived as take part, all go on. Must outlive its waiters; used on its loop's thread only.
class barrier {
 public:
  /// `parties` tasks take part, at least one.
  explicit barrier(std::size_t parties) noexcept : parties_(parties) {
    check(parties > 0, "a barrier was made for no task: it takes one at least");
  }
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier() { check(waiting_.empty(), "a barrier was destroyed while tasks wait at it"); }

  /// How many take part, and how many of them wait now.
  std::size_t parties() const noexcept { return parties_; }
  std::size_t arrived() const noexcept { return arrived_; }

  class [[nodiscard]] waiter final : public queued_wait {
   public:
    explicit waiter(barrier& barrier) noexcept : barrier_(barrier) {}
    ~waiter() { check_has_left(); }

    bool await_ready() const noexcept { return barrier_.arrive_last(); }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) noexcept {
      const bool waits = wait_in(barrier_.waiting_, awaiting.promise(), at);
      if (waits) ++barrier_.arrived_;
      return waits;
    }
    result<void> await_resume() noexcept { return outcome(); }

   private:
    void request_stop() noexcept override {
      if (is_queued()) --barrier_.arrived_;
      queued_wait::request_stop();
    }
    const char* name() const noexcept override { return "barrier"; }

    barrier& barrier_;
  };

  /// Arrives, and goes on when all have; the last of them at once. A stop of the task takes the
  /// arrival back and ends the wait with `operation_canceled`: the others go on waiting, for
  /// another who arrives, or for `leave`. Not so when all had arrived before the stop.
  waiter arrive_and_wait() noexcept { return waiter(*this); }

  /// One takes part no longer, who must not be waiting: now and in later rounds, one fewer is
  /// waited for.
  void leave() noexcept {
    check(arrived_ < parties_, "more tasks left a barrier than take part");
    --parties_;
    if (parties_ > 0 && arrived_ == parties_) open();
  }

 private:
  bool arrive_last() noexcept {
    check(arrived_ < parties_, "a task arrived at a barrier that all have left");
    if (arrived_ + 1 < parties_) return false;
    open();
    return true;
  }
  void open() noexcept {
    arrived_ = 0;
    grant_all(waiting_);
  }

  wait_queue<waiter> waiting_;
  std::size_t parties_;
  std::size_t arrived_ = 0;
};

}  // namespace gyre
