#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

/// What waits for `awaitable`: what its `operator co_await` gives, or itself.
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
    return std::forward<Awaitable>(awaitable).operator co_await();
  else
    return std::forward<Awaitable>(awaitable);
}

/// `await_suspend` of an awaiter that is part of another, with what that was told.
template <class Awaiter, class Promise>
auto suspend(Awaiter& awaiter, std::coroutine_handle<Promise> awaiting, await_location at) {
  if constexpr (requires { awaiter.await_suspend(awaiting, at); })
    return awaiter.await_suspend(awaiting, at);
  else
    return awaiter.await_suspend(awaiting);
}

template <class Awaitable>
using awaiter_type = decltype(awaiter_of(std::declval<Awaitable>()));

}  // namespace detail

/// What a coroutine of Gyre can await: tasks, operations, and all that the library gives for it.
template <class Awaitable>
concept awaitable = requires(detail::awaiter_type<Awaitable>& awaiter,
                             std::coroutine_handle<task<>::promise_type> awaiting) {
  { awaiter.await_ready() } -> std::convertible_to<bool>;
  awaiter.await_suspend(awaiting);
  awaiter.await_resume();
};

/// What awaiting it gives.
template <awaitable Awaitable>
using await_result = decltype(std::declval<detail::awaiter_type<Awaitable>&>().await_resume());

namespace detail {

template <class Awaitable>
task<await_result<Awaitable>> await_in_task(Awaitable&& awaited) {
  if constexpr (requires { std::forward<Awaitable>(awaited).operator co_await(); })
    co_return co_await std::forward<Awaitable>(awaited).operator co_await();
  else
    co_return co_await awaited;  // g++ would move from it, were it not an lvalue
}

template <class T>
task<T> as_task(task<T> work) noexcept {
  return work;
}

/// A task that awaits `awaited`, which it refers to: for those who need a chain to stop. It costs a
/// coroutine frame, which comes from the pool.
template <awaitable Awaitable>
  requires(!is_task<std::remove_cvref_t<Awaitable>>)
auto as_task(Awaitable&& awaited) {
  return await_in_task<Awaitable>(std::forward<Awaitable>(awaited));
}

}  // namespace detail
}  // namespace gyre
