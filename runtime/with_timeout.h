#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/time.h"

namespace gyre {
namespace detail {

template <class T>
using timed_result = std::conditional_t<is_result<T>, T, result<T>>;

/// What came out of a wait whose deadline may have passed: a result that arrived is delivered, an
/// end by the deadline is `timed_out`, an end by a stop of the task stays `operation_canceled`.
template <class T>
timed_result<T> judge_deadline(T outcome, bool expired, bool stopped) {
  if constexpr (is_result<T>) {
    if (expired && !stopped && outcome.error() == std::errc::operation_canceled)
      return std::errc::timed_out;
  }
  return outcome;
}

}  // namespace detail

/// An operation with a deadline; see `with_deadline`. It refers to the operation, and can be
/// awaited only in the expression that made both.
template <std::derived_from<operation> Operation>
class [[nodiscard]] timed_operation {
 public:
  timed_operation(Operation& operation, steady_time deadline) noexcept
      : operation_(operation), deadline_(deadline) {}

  class awaiter final : private timer {
   public:
    awaiter(Operation& operation, steady_time deadline) noexcept
        : operation_(operation), deadline_(deadline) {}

    bool await_ready() const noexcept { return false; }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
      chain_ = &awaiting.promise().chain();
      if (!chain_->stop_requested() && deadline_ != never) chain_->home().arm(*this, deadline_);
      return operation_.start(awaiting.promise());
    }
    auto await_resume() {
      chain_->home().disarm(*this);
      return detail::judge_deadline(operation_.await_resume(), expired_, chain_->stop_requested());
    }

   private:
    void fired() noexcept override {
      expired_ = true;
      operation_.request_stop();
    }

    Operation& operation_;
    steady_time deadline_;
    await_chain* chain_ = nullptr;
    bool expired_ = false;
  };
  awaiter operator co_await() && noexcept { return awaiter(operation_, deadline_); }

 private:
  Operation& operation_;
  steady_time deadline_;
};

/// A task with a deadline; see `with_deadline`. The task is a chain of its own, so that it can be
/// stopped alone.
template <class T>
class [[nodiscard]] timed_task final : private suspension, private timer, private await_chain {
 public:
  timed_task(task<T> work, steady_time deadline) noexcept
      : await_chain(loop::current()), work_(std::move(work)), deadline_(deadline) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, &awaiting.promise());
    begin_wait(awaiting.promise());
    if (waiter_->chain().stop_requested()) await_chain::request_stop();
    if (deadline_ != never) home().arm(*this, deadline_);
    return coroutine.transfer();
  }
  detail::timed_result<T> await_resume() {
    end_wait();
    home().disarm(*this);
    const bool stopped = waiter_->chain().stop_requested();
    if constexpr (std::is_void_v<T>) {
      work_.coroutine().take();
      if (expired_ && !stopped) return std::errc::timed_out;
      return {};
    } else {
      return detail::judge_deadline(work_.coroutine().take(), expired_, stopped);
    }
  }

 private:
  void fired() noexcept override {
    expired_ = true;
    await_chain::request_stop();
  }
  void request_stop() noexcept override { await_chain::request_stop(); }
  void finished() noexcept override {}  // the awaiting coroutine is its continuation
  const char* name() const noexcept override { return "with_timeout"; }

  task<T> work_;
  steady_time deadline_;
  bool expired_ = false;
};

/// Awaits `operation` until `deadline` at the latest. When that passes first the operation is
/// cancelled and awaited to its end: what it got until then is delivered, so no byte and no
/// connection is lost; if it got nothing the result is `timed_out`. The timer costs nothing but two
/// links; the kernel sees it only when it fires.
///
///     auto got = co_await gyre::with_timeout(stream.read_some(buffer), 5s);
///
/// `operation` must be part of the same co_await expression.
template <std::derived_from<operation> Operation>
timed_operation<Operation> with_deadline(Operation&& operation, steady_time deadline) noexcept {
  return {operation, deadline};
}

/// Awaits `work` until `deadline` at the latest; then it is asked to stop, and awaited to its end.
/// Gives what it returns as a `result`; `timed_out` where it gives `operation_canceled` because of
/// the deadline. A task that returns nothing gives `timed_out` whenever the deadline passed before
/// it had finished.
template <class T>
timed_task<T> with_deadline(task<T> work, steady_time deadline) noexcept {
  return {std::move(work), deadline};
}

/// `with_deadline` with the moment that lies `span` ahead.
template <class Awaitable, class Rep, class Period>
auto with_timeout(Awaitable&& awaitable, std::chrono::duration<Rep, Period> span) noexcept {
  const steady_time now = loop::current().now();
  return with_deadline(std::forward<Awaitable>(awaitable),
                       saturating_add(now, saturating_nanoseconds(span)));
}

}  // namespace gyre
