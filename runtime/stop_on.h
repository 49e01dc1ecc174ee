#pragma once

#include <atomic>
#include <coroutine>
#include <optional>
#include <stop_token>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The wait of `stop_on`.
template <class T>
class [[nodiscard]] stop_on_awaiter final : private task_wait,
                                            private await_chain,
                                            private message {
 public:
  stop_on_awaiter(std::stop_token token, task<T> work) noexcept
      : await_chain(loop::current()), token_(std::move(token)), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, nullptr);
    begin_wait(awaiting.promise(), at);
    if (waiter_->chain().stop_requested() || token_.stop_requested())
      await_chain::request_stop();
    else
      on_request_.emplace(std::move(token_), request(*this));
    return coroutine.transfer();
  }
  T await_resume() {
    end_wait();
    return work_.coroutine().take();
  }

 private:
  /// Runs on the thread that makes the request.
  class request {
   public:
    explicit request(stop_on_awaiter& stopped) noexcept : stopped_(stopped) {}
    void operator()() const noexcept {
      stopped_.posted_.store(true, std::memory_order_release);
      stopped_.home().post(stopped_);
    }

   private:
    stop_on_awaiter& stopped_;
  };

  void delivered() noexcept override {
    delivered_ = true;
    if (ended_) return resume_waiter();
    await_chain::request_stop();
  }
  // Once the callback is gone it has not run, or has run to its end. A message that is on its way
  // is waited for: it lies here.
  void finished() noexcept override {
    on_request_.reset();
    ended_ = true;
    if (delivered_ || !posted_.load(std::memory_order_acquire)) resume_waiter();
  }
  void stop_tasks() noexcept override { await_chain::request_stop(); }
  const char* name() const noexcept override { return "stop_on"; }
  bool is_local() const noexcept override { return false; }
  void visit_children(chain_visitor& visitor) const override {
    if (!work_.coroutine().handle().done()) visitor.visit(*this, work_.coroutine());
  }

  std::stop_token token_;
  task<T> work_;
  std::optional<std::stop_callback<request>> on_request_;
  std::atomic<bool> posted_ = false;
  bool delivered_ = false;
  bool ended_ = false;
};

/// Awaits `awaited`, and asks it to stop when `token` is asked to, from whatever thread; it is
/// awaited to its end, and gives what it gives without: `operation_canceled` where it had nothing
/// yet. For meeting code that knows no loops; nothing is allocated but the frame of a task for what
/// is not one (an operation, say), which must be part of the same co_await expression.
///
///     auto got = co_await gyre::stop_on(thread.get_stop_token(), stream.read_some(buffer));
///
/// The request is passed on by `loop::post`; one that is made already stops it from the beginning.
/// For the other direction see `with_stop_token`.
template <awaitable Awaitable>
auto stop_on(std::stop_token token, Awaitable&& awaited) {
  auto work = detail::as_task(std::forward<Awaitable>(awaited));
  using value = typename decltype(work)::value_type;
  return stop_on_awaiter<value>(std::move(token), std::move(work));
}

}  // namespace gyre
