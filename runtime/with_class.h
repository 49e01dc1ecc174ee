#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// A task in a latency class; see `with_class`. It is a chain of its own, and begins and ends by
/// the ready queue, so that what either class runs is its own.
template <class T>
class [[nodiscard]] classed_task final : private task_wait, private await_chain {
 public:
  classed_task(latency_class& of, task<T> work) noexcept
      : await_chain(loop::current()), of_(of), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, nullptr);
    of_.take(*this);
    begin_wait(awaiting.promise(), at);
    if (waiter_->chain().stop_requested()) await_chain::request_stop();
    home().make_ready(coroutine);
  }
  T await_resume() {
    end_wait();
    return work_.coroutine().take();
  }

 private:
  void stop_tasks() noexcept override { await_chain::request_stop(); }
  void finished() noexcept override { resume_waiter(); }
  const char* name() const noexcept override { return "with_class"; }
  void visit_children(chain_visitor& visitor) const override {
    if (!work_.coroutine().handle().done()) visitor.visit(*this, work_.coroutine());
  }

  latency_class& of_;
  task<T> work_;
};

/// Awaits `work` as a task of the latency class `of`, with all that it awaits and spawns, and gives
/// what it gives; the awaiting task goes on in its own class. A stop reaches it as if it were
/// awaited without. Allocates nothing.
template <class T>
classed_task<T> with_class(latency_class& of, task<T> work) noexcept {
  return classed_task<T>(of, std::move(work));
}

/// The same for anything else that can be awaited, which must be part of the same co_await
/// expression. It takes the frame of one coroutine more.
template <awaitable Awaitable>
  requires(!detail::is_task<std::remove_cvref_t<Awaitable>>)
auto with_class(latency_class& of, Awaitable&& awaited) {
  return with_class(of, detail::as_task(std::forward<Awaitable>(awaited)));
}

}  // namespace gyre
