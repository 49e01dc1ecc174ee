#pragma once

#include <chrono>
#include <coroutine>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// A wait for a moment on the loop's clock.
class [[nodiscard]] sleep final : private suspension, private timer {
 public:
  explicit sleep(steady_time deadline) noexcept : deadline_(deadline) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    begin_wait(awaiting.promise(), at);
    stopped_ = awaiting.promise().chain().stop_requested();
    if (stopped_) return false;
    loop& home = awaiting.promise().chain().home();
    if (deadline_ > home.now())
      home.arm(*this, deadline_);
    else
      resume_waiter();  // a timer would take it for the tick that is under way
    return true;
  }
  result<void> await_resume() noexcept {
    end_wait();
    if (stopped_) return std::errc::operation_canceled;
    return {};
  }

 private:
  void fired() noexcept override { resume_waiter(); }
  void request_stop() noexcept override {
    if (!armed()) return;  // it has fired: the time is over, which is the result
    stopped_ = true;
    waiter_->chain().home().disarm(*this);
    resume_waiter();
  }
  const char* name() const noexcept override { return "sleep"; }

  steady_time deadline_;
  bool stopped_ = false;
};

/// Goes on at `deadline`, at most some 0.1 ms later, never before; at once when it has passed.
/// Ends with `operation_canceled` when the task is asked to stop.
inline sleep sleep_until(steady_time deadline) noexcept {
  return sleep(deadline);
}

/// Goes on after `span`; see `sleep_until`.
template <class Rep, class Period>
sleep sleep_for(std::chrono::duration<Rep, Period> span) noexcept {
  return sleep(saturating_add(loop::current().now(), saturating_nanoseconds(span)));
}

/// Lets every other task that is ready, of its latency class, run once. Gives whether to go on:
/// false once the task has been asked to stop, which ends no yield, so that what does its last work
/// yields all the same.
///
///     while (more() && co_await gyre::yield()) do_some();
class [[nodiscard]] yield {
 public:
  yield() noexcept {}
  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    awaiting.promise().set_awaits_at(at);
    chain_ = &awaiting.promise().chain();
    chain_->home().make_ready(awaiting.promise());
  }
  bool await_resume() const noexcept { return !chain_->stop_requested(); }

 private:
  const await_chain* chain_ = nullptr;
};

}  // namespace gyre
