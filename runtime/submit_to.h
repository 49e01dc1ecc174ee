#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/call_outcome.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace detail {

/// A call that a task of one loop makes on another, and waits for. It goes there as a message; a
/// request to stop may follow it; the answer comes back. Never are two of them on their way, so
/// that all three are the same message.
class crossing : protected suspension, private message {
 public:
  bool await_ready() const noexcept { return false; }

 protected:
  crossing(loop& target, bool calls_task) noexcept : target_(target), calls_task_(calls_task) {}
  ~crossing();

  loop& target() const noexcept { return target_; }
  void set_out(promise_base& waiter, await_location at) noexcept;

  /// On the target's thread: makes the call, or gives the task that will make it to `begin`.
  virtual void call() = 0;
  void begin(task<void> work);
  /// Notes the current exception as what the call came to.
  virtual void fail() noexcept = 0;

  /// For that task: whether it is to make the call; where not, it ends.
  bool sets_about() noexcept;
  /// And once it has: `co_await arrival_of_stop(*this); return_home();`. A request to stop that is
  /// on its way is waited for, then the answer leaves, and `this` may be gone.
  class arrival_of_stop;
  void return_home() noexcept;

 private:
  enum class leg : std::uint8_t { there, stop, back };
  static constexpr std::uint8_t begun = 1;
  static constexpr std::uint8_t ended = 2;
  static constexpr std::uint8_t stopped = 4;

  void delivered() noexcept final;
  void discarded() noexcept final;
  void arrive() noexcept;
  bool was_stopped(std::uint8_t now) noexcept {
    return progress_.fetch_or(now, std::memory_order_acq_rel) & stopped;
  }
  void stop_arrived() noexcept;
  void request_stop() noexcept final;
  const char* name() const noexcept final { return "submit_to"; }

  loop& target_;
  loop* home_ = nullptr;
  // The target's.
  await_chain* chain_ = nullptr;
  arrival_of_stop* awaits_stop_ = nullptr;
  bool stop_is_here_ = false;

  leg leg_ = leg::there;  // of whoever has the message
  bool calls_task_;
  bool away_ = false;
  std::atomic<std::uint8_t> progress_ = 0;
};

class crossing::arrival_of_stop final : public suspension {
 public:
  explicit arrival_of_stop(crossing& crossing) noexcept : crossing_(crossing) {}

  bool await_ready() noexcept { return !crossing_.was_stopped(ended) || crossing_.stop_is_here_; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    begin_wait(awaiting.promise(), at);
    crossing_.awaits_stop_ = this;
  }
  void await_resume() noexcept { end_wait(); }

  void arrived() noexcept { resume_waiter(); }

 private:
  void request_stop() noexcept override {}
  const char* name() const noexcept override { return "submit_to"; }

  crossing& crossing_;
};

template <class T>
class called_value {
 public:
  using type = T;
};
template <class T>
class called_value<task<T>> {
 public:
  using type = T;
};

/// What a function gives that is called on another loop, once its task was awaited.
template <class Function>
using submitted_value = typename called_value<std::invoke_result_t<Function&>>::type;

}  // namespace detail

/// The wait of `submit_to`.
template <class Function>
class [[nodiscard]] submit_to_awaiter final : private detail::crossing {
  using called = std::invoke_result_t<Function&>;
  using value = detail::submitted_value<Function>;
  using outcome = detail::call_outcome<value>;
  using answer = typename outcome::answer;
  static constexpr bool calls_task = detail::is_task<called>;

 public:
  submit_to_awaiter(loop& target, Function&& function) noexcept(
      std::is_nothrow_constructible_v<Function, Function&&>)
      : crossing(target, calls_task), function_(std::forward<Function>(function)) {}

  using crossing::await_ready;
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) {
    promise_base& waiter = awaiting.promise();
    if (waiter.chain().stop_requested()) return awaiting;
    if (&waiter.chain().home() != &target()) {
      set_out(waiter, at);
      return std::noop_coroutine();
    }
    call_here();
    if constexpr (calls_task) {
      if (here_) {
        here_->coroutine().join_chain(waiter, at);
        return here_->coroutine().transfer();
      }
    }
    return awaiting;
  }
  answer await_resume() {
    end_wait();
    if constexpr (calls_task) {
      if (here_) return take_here();
    }
    return outcome_.take();
  }

 private:
  void call() override {
    if constexpr (calls_task)
      begin(run_there());
    else
      call_here();
  }
  void fail() noexcept override { outcome_.threw(); }

  void call_here() noexcept {
    if constexpr (calls_task) {
      try {
        here_.emplace(function_());
      } catch (...) {
        fail();
      }
    } else {
      outcome_.call(function_);
    }
  }

  // All that the called task was made of is gone before the answer leaves: its frame goes back to
  // the pool that it came from.
  task<void> run_there() {
    if (!sets_about()) co_return;
    try {
      if constexpr (std::is_void_v<value>) {
        co_await function_();
        outcome_.returned();
      } else {
        outcome_.returned(co_await function_());
      }
    } catch (...) {
      fail();
    }
    co_await arrival_of_stop(*this);
    return_home();
  }

  answer take_here() {
    if constexpr (std::is_void_v<value>) {
      here_->coroutine().take();
      return {};
    } else {
      return here_->coroutine().take();
    }
  }

  Function function_;
  outcome outcome_;
  std::conditional_t<calls_task, std::optional<called>, std::monostate> here_;
};

/// Calls `function()` on the thread of `target`, and gives what it gives: a `result<T>` as it is,
/// anything else as `result<T>`. It may return a task, which is awaited there, as a child of that
/// loop's root scope. Its exceptions come out here, and its value should belong to no loop.
///
///     const result<std::size_t> length =
///         co_await gyre::submit_to(other, [&] { return table.erase(key); });
///
/// A function that owns something has to be a variable, which is referred to until the call has
/// ended; a temporary is kept:
///
///     auto adopt = [stream = std::move(stream)]() mutable {
///       gyre::spawn(serve(std::move(stream)));
///     };
///     const result<void> adopted = co_await gyre::submit_to(other, adopt);
///
/// `operation_canceled` where `function` was not called: the awaiting task was asked to stop
/// before it was, or the main task of `target` has ended (its `run`, or its core, is about to).
/// Once it was called it is awaited to its end, whoever is asked to stop: the request goes there
/// too, and what the call came to is given here.
///
/// On `target` itself it is a plain call. Otherwise a message goes there, and one comes back:
/// nothing is allocated for them; a task takes its frames from the pool of the other thread.
/// Calls of one task, or of several tasks of one loop, begin in order. A plain function runs
/// between tasks, so it should be short. `target` must exist when this is awaited, and must either
/// run, or be destroyed, before an answer can come.
template <class Function>
  requires std::is_invocable_v<Function&>
submit_to_awaiter<Function> submit_to(loop& target, Function&& function) {
  static_assert(detail::is_safe_to_keep<Function>,
                "submit_to() was given a temporary that owns something: make it a variable");
  return submit_to_awaiter<Function>(target, std::forward<Function>(function));
}

}  // namespace gyre
