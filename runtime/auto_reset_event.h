#pragma once

#include <coroutine>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Lets one task of its loop go on for each time that it is set, the one that has waited longest;
/// setting it several times while nobody waits counts as once. (`event` lets all go on.) Must
/// outlive its waiters; used on its loop's thread only.
class auto_reset_event {
 public:
  auto_reset_event() noexcept = default;
  auto_reset_event(const auto_reset_event&) = delete;
  auto_reset_event& operator=(const auto_reset_event&) = delete;
  ~auto_reset_event() {
    check(waiting_.empty(), "an auto_reset_event was destroyed while tasks wait for it");
  }

  /// Lets one that waits go on, or the next that will wait.
  void set() noexcept {
    if (waiting_.empty())
      set_ = true;
    else
      waiting_.first().grant();
  }
  void reset() noexcept { set_ = false; }
  /// True while it is set and nobody has taken that.
  bool is_set() const noexcept { return set_; }

  class [[nodiscard]] waiter final : public queued_wait {
   public:
    explicit waiter(auto_reset_event& event) noexcept : event_(event) {}
    ~waiter() { check_has_left(); }

    bool await_ready() const noexcept { return std::exchange(event_.set_, false); }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) noexcept {
      return wait_in(event_.waiting_, awaiting.promise(), at);
    }
    result<void> await_resume() noexcept { return outcome(); }

   private:
    friend class auto_reset_event;
    const char* name() const noexcept override { return "auto_reset_event"; }

    auto_reset_event& event_;
  };

  /// Goes on when the event is set, and resets it. Ends with `operation_canceled` when the task is
  /// asked to stop first; then the event stays as it is, for the next.
  waiter wait() noexcept { return waiter(*this); }

 private:
  wait_queue<waiter> waiting_;
  bool set_ = false;
};

}  // namespace gyre
