#pragma once

#include <coroutine>
#include <cstddef>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Opens when it was counted down to zero, once and for ever: waits until several things are done.
/// Must outlive its waiters; used on its loop's thread only.
class latch {
 public:
  explicit latch(std::size_t count) noexcept : left_(count) {}
  latch(const latch&) = delete;
  latch& operator=(const latch&) = delete;
  ~latch() { check(waiting_.empty(), "a latch was destroyed while tasks wait for it"); }

  /// Takes `count` from what is left, which must be as much. At zero all that wait go on.
  void count_down(std::size_t count = 1) noexcept {
    check(count <= left_, "a latch was counted down below zero");
    left_ -= count;
    if (left_ == 0) grant_all(waiting_);
  }
  /// What is left to be counted down.
  std::size_t left() const noexcept { return left_; }
  bool is_open() const noexcept { return left_ == 0; }

  class [[nodiscard]] waiter final : public queued_wait {
   public:
    explicit waiter(latch& latch) noexcept : latch_(latch) {}
    ~waiter() { check_has_left(); }

    bool await_ready() const noexcept { return latch_.is_open(); }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) noexcept {
      return wait_in(latch_.waiting_, awaiting.promise(), at);
    }
    result<void> await_resume() noexcept { return outcome(); }

   private:
    const char* name() const noexcept override { return "latch"; }

    latch& latch_;
  };

  /// Goes on when the latch is open; at once when it is. Ends with `operation_canceled` when the
  /// task is asked to stop first.
  waiter wait() noexcept { return waiter(*this); }

  /// Counts down, then waits. A stop ends the wait; what was counted down stays so.
  waiter arrive_and_wait(std::size_t count = 1) noexcept {
    count_down(count);
    return wait();
  }

 private:
  wait_queue<waiter> waiting_;
  std::size_t left_;
};

}  // namespace gyre
