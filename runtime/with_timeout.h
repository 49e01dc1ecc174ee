#pragma once

#include <chrono>
#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/loop.h"
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

/// One wait with a deadline: of an operation, an event, a scope; see `with_deadline`. It refers to
/// what is awaited, and can be awaited only in the expression that made both.
template <class Wait>
class [[nodiscard]] timed_wait {
 public:
  timed_wait(Wait& wait, steady_time deadline) noexcept : wait_(wait), deadline_(deadline) {}

  class awaiter final : private timer {
   public:
    awaiter(Wait& wait, steady_time deadline) noexcept : wait_(wait), deadline_(deadline) {}

    bool await_ready() noexcept { return wait_.await_ready(); }
    template <gyre_promise Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) {
      chain_ = &awaiting.promise().chain();
      if (!chain_->stop_requested() && deadline_ != never) chain_->home().arm(*this, deadline_);
      try {
        return detail::suspend(wait_, awaiting, at);
      } catch (...) {
        chain_->home().disarm(*this);
        throw;
      }
    }
    detail::timed_result<decltype(std::declval<Wait&>().await_resume())> await_resume() {
      if (chain_) chain_->home().disarm(*this);
      const bool stopped = chain_ && chain_->stop_requested();
      if constexpr (std::is_void_v<decltype(wait_.await_resume())>) {
        wait_.await_resume();
        if (expired_ && !stopped) return std::errc::timed_out;
        return {};
      } else {
        return detail::judge_deadline(wait_.await_resume(), expired_, stopped);
      }
    }

   private:
    void fired() noexcept override {
      if (!chain_->waiting_for()) return;  // it has ended, and its task will go on
      expired_ = true;
      chain_->interrupt();
    }

    Wait& wait_;
    steady_time deadline_;
    await_chain* chain_ = nullptr;
    bool expired_ = false;
  };
  awaiter operator co_await() && noexcept { return awaiter(wait_, deadline_); }

 private:
  Wait& wait_;
  steady_time deadline_;
};

/// A task with a deadline; see `with_deadline`. The task is a chain of its own, so that it can be
/// stopped alone.
template <class T>
class [[nodiscard]] timed_task final : private task_wait, private timer, private await_chain {
 public:
  timed_task(task<T> work, steady_time deadline) noexcept
      : await_chain(loop::current()), work_(std::move(work)), deadline_(deadline) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, &awaiting.promise());
    begin_wait(awaiting.promise(), at);
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
    if (work_.coroutine().handle().done()) return;
    expired_ = true;
    await_chain::request_stop();
  }
  void stop_tasks() noexcept override { await_chain::request_stop(); }
  void finished() noexcept override {}  // the awaiting coroutine is its continuation
  const char* name() const noexcept override { return "with_timeout"; }
  void visit_children(chain_visitor& visitor) const override {
    if (!work_.coroutine().handle().done()) visitor.visit(*this, work_.coroutine());
  }

  task<T> work_;
  steady_time deadline_;
  bool expired_ = false;
};

/// Awaits `wait`, an operation or another of the library's waits, until `deadline` at the latest.
/// When that passes first it is cancelled and awaited to its end: what it got until then is
/// delivered, so no byte and no connection is lost; if it got nothing the result is `timed_out`.
/// What gives nothing gives a `result<void>` instead, `timed_out` whenever the deadline passed
/// first. The timer costs nothing but two links; the kernel sees it only when it fires.
///
///     auto got = co_await gyre::with_timeout(stream.read_some(buffer), 5s);
///
/// `wait` must be part of the same co_await expression, and end on its loop: `resume_on` has no
/// deadline.
template <awaitable Wait>
  requires(std::is_base_of_v<suspension, std::remove_cvref_t<Wait>> &&
           !requires { std::remove_cvref_t<Wait>::leaves_loop; })
timed_wait<std::remove_cvref_t<Wait>> with_deadline(Wait&& wait, steady_time deadline) noexcept {
  return {wait, deadline};
}

/// Awaits `work` until `deadline` at the latest; then it is asked to stop, and awaited to its end.
/// Gives what it returns as a `result`; `timed_out` where it gives `operation_canceled` because of
/// the deadline. A task that returns nothing gives `timed_out` whenever the deadline passed before
/// it had finished.
template <class T>
timed_task<T> with_deadline(task<T> work, steady_time deadline) noexcept {
  return {std::move(work), deadline};
}

/// The same with anything else that can be awaited, in a task of its own.
template <awaitable Awaitable>
  requires(!detail::is_task<std::remove_cvref_t<Awaitable>> &&
           !std::is_base_of_v<suspension, std::remove_cvref_t<Awaitable>>)
auto with_deadline(Awaitable&& awaited, steady_time deadline) {
  return with_deadline(detail::as_task(std::forward<Awaitable>(awaited)), deadline);
}

/// `with_deadline` with the moment that lies `span` ahead.
template <class Awaitable, class Rep, class Period>
auto with_timeout(Awaitable&& awaited, std::chrono::duration<Rep, Period> span) {
  const steady_time now = loop::current().now();
  return with_deadline(std::forward<Awaitable>(awaited),
                       saturating_add(now, saturating_nanoseconds(span)));
}

}  // namespace gyre
