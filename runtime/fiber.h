#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/fiber_context.h"
#include "gyre/runtime/fiber_stack.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The size of a fiber's stack where none is asked for: what the loop's own thread has is 8 MiB, so
/// whoever calls what recurses or keeps large arrays on the stack says how much it takes.
inline constexpr std::size_t fiber_stack_size = std::size_t{256} << 10;

/// Awaits what a coroutine would `co_await`, and gives the same: operations, tasks, sleeps, events,
/// locks. Other tasks run on the loop meanwhile. For functions that run in a `fiber`, however deep
/// below it; elsewhere it is a programmer error. A stop or a deadline of the fiber reaches what is
/// awaited, and an exception of that is thrown here. It allocates nothing, and may be called where
/// a coroutine can't await: in a handler of an exception, in a destructor, in a callback.
template <awaitable Awaitable>
await_result<Awaitable> await(Awaitable&& awaited, await_location at = await_location::current()) {
  detail::fiber_context& here = detail::fiber_context::current();
  auto&& awaiter = detail::awaiter_of(std::forward<Awaitable>(awaited));
  if (!awaiter.await_ready()) here.wait_for(awaiter, at);
  return awaiter.await_resume();
}

namespace detail {

/// The carrier of a fiber.
template <class Function>
task<void> carry_fiber(Function function, std::size_t stack_size) {
  fiber_context fiber(function, stack_size);
  co_await fiber_context::known(fiber);
  while (fiber.enter()) co_await fiber_context::waits(fiber);
  fiber.rethrow_failure();
}

template <class T, class Function>
task<T> value_of_fiber(Function function, std::size_t stack_size) {
  std::optional<T> value;
  const auto keep_value = [&] { value.emplace(function()); };
  co_await carry_fiber(keep_value, stack_size);
  co_return *std::move(value);
}

}  // namespace detail

/// A task that calls `function()`, an ordinary function, on a stack of its own: in it, and in all
/// that it calls, `await` waits for what a coroutine would `co_await`. It is awaited, spawned,
/// stopped and given a deadline like any other task, and gives what the function returns or throws.
///
///     children.spawn(gyre::fiber([&stream] {
///       std::array<std::byte, 4096> buffer;
///       while (const auto got = gyre::await(stream.read_some(buffer)).value())
///         gyre::await(stream.write_all(std::span(buffer).first(got))).value();
///     }));
///
/// `function` is kept until the task has ended. The stack is taken when the task starts, from those
/// that the thread keeps (see `fiber_stack`), and given back when the function has ended; a task
/// that was not started may be dropped. `stack_size` is in bytes, rounded up to a power of two: 16
/// KiB to 1 GiB, else `std::invalid_argument`, which names the value, is thrown from here. Memory
/// is taken page by page as it is used. A stack that is too small ends the process (SIGSEGV) at the
/// guard below it; where there is no address space for one the task throws `std::system_error`.
///
/// A fiber stays on its loop's thread: `resume_on` in it is a programmer error. Where it stands in
/// a handler of an exception, or is unwound, while it waits, other fibers may throw and catch. Like
/// a task, one that has begun must be awaited to its end.
template <class Function>
  requires std::is_invocable_v<Function&>
task<std::invoke_result_t<Function&>> fiber(Function function,
                                            std::size_t stack_size = fiber_stack_size) {
  using T = std::invoke_result_t<Function&>;
  static_assert(
      !detail::is_task<T>,
      "this function is a coroutine already: give it to invoke(), or let it call await()");
  stack_size = fiber_stack::rounded(stack_size);
  if constexpr (std::is_void_v<T>)
    return detail::carry_fiber(std::move(function), stack_size);
  else
    return detail::value_of_fiber<T>(std::move(function), stack_size);
}

}  // namespace gyre
