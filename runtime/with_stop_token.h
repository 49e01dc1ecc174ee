#pragma once

#include <concepts>
#include <coroutine>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The wait of `with_stop_token`.
template <class T, class Function>
class [[nodiscard]] stop_token_awaiter final : private task_wait, private await_chain {
 public:
  explicit stop_token_awaiter(Function body)
      : await_chain(loop::current()), body_(std::move(body)), work_(body_(source_.get_token())) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, &awaiting.promise());
    begin_wait(awaiting.promise(), at);
    if (waiter_->chain().stop_requested()) stop_tasks();
    return coroutine.transfer();
  }
  T await_resume() {
    end_wait();
    return work_.coroutine().take();
  }

 private:
  void stop_tasks() noexcept override {
    await_chain::request_stop();
    source_.request_stop();
  }
  void finished() noexcept override {}  // the awaiting coroutine is its continuation
  const char* name() const noexcept override { return "with_stop_token"; }
  void visit_children(chain_visitor& visitor) const override {
    if (!work_.coroutine().handle().done()) visitor.visit(*this, work_.coroutine());
  }

  std::stop_source source_;
  Function body_;
  task<T> work_;
};

/// Awaits `body(token)`, a task. When the awaiting task is asked to stop, so is the task, as ever,
/// and so is whoever has the token: a thread, a library, code that knows no loops. What `body`
/// hands the token to is to be awaited by `body` itself. The callbacks of the token run on the
/// loop's thread, and must not block. `body` is kept until the task has ended; the token may live
/// longer. Allocates what `std::stop_source` does. For the other direction see `stop_on`.
///
///     auto sum = co_await gyre::with_stop_token([&](std::stop_token token) -> gyre::task<long> {
///       co_return co_await gyre::offload([&] { return add_up(rows, token); });
///     });
template <std::invocable<std::stop_token> Function>
  requires(detail::is_task<std::invoke_result_t<Function&, std::stop_token>>)
auto with_stop_token(Function body) {
  using value = typename std::invoke_result_t<Function&, std::stop_token>::value_type;
  return stop_token_awaiter<value, Function>(std::move(body));
}

}  // namespace gyre
