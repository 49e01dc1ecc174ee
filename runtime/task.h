#pragma once

#include <concepts>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/ready_queue.h"

namespace gyre {

template <class T = void>
class task;

namespace detail {

template <class T, class Owner, class Place>
class child_task;

/// Keeps what a coroutine returns until its awaiter takes it; what it throws is kept by its chain.
template <class T>
class task_promise_value : public promise_base {
 public:
  template <std::convertible_to<T> Value>
  void return_value(Value&& value) noexcept(std::is_nothrow_constructible_v<T, Value>) {
    std::construct_at(&value_, std::forward<Value>(value));
    if constexpr (!std::is_trivially_destructible_v<T>) returned_.value = true;
  }
  T take() {
    this->chain().rethrow_failure();
    return std::move(value_);
  }

 protected:
  task_promise_value() noexcept {}
  ~task_promise_value()
    requires std::is_trivially_destructible_v<T>
  = default;
  ~task_promise_value() {
    if (returned_.value) std::destroy_at(&value_);
  }

 private:
  // Where nobody asks, nothing is kept.
  class flag {
   public:
    bool value = false;
  };
  class no_flag {};

  [[no_unique_address]] std::conditional_t<std::is_trivially_destructible_v<T>, no_flag, flag>
      returned_;
  union {
    T value_;
  };
};

template <>
class task_promise_value<void> : public promise_base {
 public:
  void return_void() noexcept {}
  void take() { chain().rethrow_failure(); }
};

template <class T>
class task_promise final : public task_promise_value<T> {
 public:
  task_promise() noexcept { this->check_place(*this); }
  task<T> get_return_object() noexcept;
};

/// Those that come to be dropped while another one is destroyed on this thread.
inline constinit thread_local ready_queue* dropped = nullptr;

/// Destroys a coroutine. One that was not started may keep another one as a parameter, which keeps
/// a third, and so on: they are destroyed one after the other, not one inside of the other.
[[gnu::noinline]] inline void drop(promise_base& coroutine) noexcept {
  if (coroutine.is_started()) return coroutine.handle().destroy();
  if (dropped) return dropped->push(coroutine);
  ready_queue due;
  dropped = &due;
  due.push(coroutine);
  while (!due.empty()) static_cast<promise_base&>(due.pop()).handle().destroy();
  dropped = nullptr;
}

}  // namespace detail

/// A lazy coroutine: it starts when it is awaited, on the loop of its awaiter, and its awaiter goes
/// on when it has finished, with what it returned or threw. It must be awaited, once, or given to a
/// scope; a task that was not started may be dropped. Its frame, with its parameters, is gone when
/// it has been awaited, wherever the task is kept. Cancellation comes down to it from its awaiter
/// by itself: the operation that it waits for then ends with `operation_canceled`.
///
///     gyre::task<std::size_t> copy_once(gyre::tcp_stream& from, gyre::tcp_stream& to);
///     …
///     std::size_t bytes = co_await copy_once(a, b);
///
/// Parameters are kept in the coroutine's frame; references must outlive it. A lambda that is a
/// coroutine loses its captures at the first suspension unless something owns the lambda: give it
/// to `invoke`, `with_scope` or `scope::spawn`, which do. g++ 12 makes nothing of a function that
/// awaits in a condition and has no variable: write `const bool sent = …` and test that.
template <class T>
class [[nodiscard]] task {
 public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    task moved(std::move(other));
    std::swap(frame_, moved.frame_);
    return *this;
  }
  ~task() {
    if (frame_) [[unlikely]]
      detail::drop(frame_.promise());
  }

  /// Awaiting it starts it, and gives what it returns.
  bool await_ready() const noexcept {
    check(static_cast<bool>(frame_),
          "an empty task was awaited: it was moved from, or awaited before");
    check(!frame_.promise().is_started(),
          "a task was awaited that was awaited before, and has not ended");
    return false;
  }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    frame_.promise().join_chain(awaiting.promise(), at);
    return frame_.promise().transfer(frame_);
  }
  T await_resume() {
    const end end(*this);
    return frame_.promise().take();
  }

  /// For those who start a task by other means than awaiting it: its coroutine, not started yet.
  promise_type& coroutine() const noexcept {
    check(static_cast<bool>(frame_), "an empty task was started");
    return frame_.promise();
  }

 private:
  friend promise_type;
  friend class scope;
  template <class, class, class>
  friend class detail::child_task;
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  /// Destroys the coroutine when it has been awaited, wherever the task is kept.
  class end {
   public:
    explicit end(task& task) noexcept : task_(task) {}
    end(const end&) = delete;
    end& operator=(const end&) = delete;
    ~end() { task_.destroy(); }

   private:
    task& task_;
  };

  /// Destroys the coroutine, which has ended.
  void destroy() noexcept {
    frame_.destroy();
    frame_ = nullptr;  // after it, in sight of the destructor, which then has nothing to do
  }

  std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

template <class Function, class... Arguments>
inline constexpr bool takes_rvalues = std::is_invocable_v<Function&, Arguments...>;

template <class Function, class... Arguments>
using invoked_by = std::conditional_t<takes_rvalues<Function, Arguments...>,
                                      std::invoke_result<Function&, Arguments...>,
                                      std::invoke_result<Function&, Arguments&...>>;

}  // namespace detail

/// What `invoke` gives: a task.
template <class Function, class... Arguments>
using invoke_task = typename detail::invoked_by<Function, Arguments...>::type;

/// Calls `function(arguments...)`, which gives a task, and keeps the function and copies of the
/// arguments until that task has finished: the way to call a lambda that is a coroutine.
///
/// The copies are handed on as std::thread does it, as rvalues: a parameter taken by value is moved
/// from its copy, so that a `tcp_stream` may be one, and one taken by `const T&` or `T&&` refers to
/// the copy, which outlives the task. A function that can't be called like that, since it takes
/// some by `T&`, gets all copies as lvalues. To pass the original by reference use std::ref.
template <class Function, class... Arguments>
auto invoke(Function function, Arguments... arguments) -> invoke_task<Function, Arguments...> {
  if constexpr (detail::takes_rvalues<Function, Arguments...>)
    co_return co_await function(std::move(arguments)...);
  else
    co_return co_await function(arguments...);
}

}  // namespace gyre

// Found by the compiler for each coroutine that returns a task, with the types of its parameters.
template <class T, class... Parameters>
struct std::coroutine_traits<gyre::task<T>, Parameters...> {
#if defined(__GNUC__) && !defined(__clang__)
  // g++ 12 destroys a temporary twice that is an aggregate and an argument in a co_await
  // expression.
  static_assert(((std::is_reference_v<Parameters> || !std::is_aggregate_v<Parameters> ||
                  std::is_trivially_destructible_v<Parameters>) &&
                 ...),
                "give this parameter's type a constructor, or take it by reference: g++ destroys "
                "aggregates twice that are temporaries of a co_await expression");
#endif
  using promise_type = gyre::detail::task_promise<T>;
};
