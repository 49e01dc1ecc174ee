#pragma once

#include <coroutine>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// A task that no stop of its awaiter reaches; see `shield`. It is a chain of its own, which nobody
/// stops.
template <class T>
class [[nodiscard]] shielded_task final : private suspension, private await_chain {
 public:
  explicit shielded_task(task<T> work) noexcept
      : await_chain(loop::current()), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, &awaiting.promise());
    begin_wait(awaiting.promise(), at);
    return coroutine.transfer();
  }
  T await_resume() {
    end_wait();
    return work_.coroutine().take();
  }

 private:
  void request_stop() noexcept override {}
  void finished() noexcept override {}  // the awaiting coroutine is its continuation
  const char* name() const noexcept override { return "shield"; }
  void visit_children(chain_visitor& visitor) const override {
    if (!work_.coroutine().handle().done()) visitor.visit(*this, work_.coroutine());
  }
  bool is_local() const noexcept override { return true; }

  task<T> work_;
};

/// Awaits `work` to its end, whatever asks the awaiting task to stop, before or meanwhile: for
/// clean-up that must finish. The stop is not lost: the awaiting task's next wait ends by it. A
/// deadline around the awaiting task is such a stop, so it doesn't reach in and is overrun; one
/// inside of `work` works as everywhere, and is what bounds a wait for somebody else:
///
///     co_await gyre::shield(directory.remove_beneath(temporary));
///     co_await gyre::shield(gyre::with_timeout(say_goodbye(stream), 1s));
///     // not: with_timeout(task_that_awaits_a_shield(), 1s)
///
/// The end of `run` waits for it too. Not shielded are what `work` spawns into a scope outside, and
/// what is in flight on a descriptor that somebody else closes. Gives what `work` gives, exceptions
/// included; allocates nothing.
template <class T>
shielded_task<T> shield(task<T> work) noexcept {
  return shielded_task<T>(std::move(work));
}

/// The same for anything else that can be awaited (an operation, say), which must be part of the
/// same co_await expression. It takes the frame of one coroutine more.
template <awaitable Awaitable>
  requires(!detail::is_task<std::remove_cvref_t<Awaitable>>)
auto shield(Awaitable&& awaited) {
  return shield(detail::as_task(std::forward<Awaitable>(awaited)));
}

}  // namespace gyre
