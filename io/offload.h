#pragma once

#include <cerrno>
#include <concepts>
#include <type_traits>
#include <utility>

#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/call_outcome.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace detail {

// In the class of what may take long, and gets half of the threads.
inline constexpr operation_kind offloaded_call("offload", "none", awaited_thing::network,
                                               ring_policy::offload);

}  // namespace detail

/// A call on one of the backend's threads; see `offload`.
template <class Function>
class [[nodiscard]] offload_operation final : public operation {
  using outcome_type = detail::call_outcome<std::invoke_result_t<Function&>>;
  static_assert(!detail::is_task<std::invoke_result_t<Function&>>,
                "offload calls what blocks a thread; a task is awaited on its loop");

 public:
  explicit offload_operation(Function&& function) noexcept(
      std::is_nothrow_constructible_v<Function, Function&&>)
      : operation(detail::offloaded_call, nullptr), function_(std::forward<Function>(function)) {}

  typename outcome_type::answer await_resume() {
    (void)outcome();
    return called_.take();
  }

  // The number is for links alone, which a failure cuts.
  int perform() noexcept override {
    called_.call(function_);
    return called_.succeeded() ? 0 : -EIO;
  }
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  Function function_;
  outcome_type called_;
};

/// Calls `function()`, which blocks or computes for long, on one of the threads of this loop's
/// backend, and gives what it gives: a `result<T>` as it is, anything else as `result<T>`. Its
/// exceptions come out here. A function that owns something has to be a variable, which is referred
/// to until the call has ended; a temporary is kept.
///
///     const auto packed = co_await gyre::offload([&] { return compress(page); });
///
/// The threads are bounded (`threads_max` of the backend's options, 4 by default), and at most half
/// of them run such calls and lookups of host names, so that files need not wait for them. More
/// calls wait for their turn, in order. A stop takes back a call that has not begun, which then
/// gives `operation_canceled`; one that runs is awaited to its end. `function` must not use the
/// loop, nor wait for another call that is offloaded. It gets no signals. Where not one thread can
/// be had it is called on this one. Nothing is allocated for a call.
template <class Function>
  requires std::invocable<Function&>
offload_operation<Function> offload(Function&& function) {
  static_assert(detail::is_safe_to_keep<Function>,
                "offload() was given a temporary that owns something: make it a variable");
  return offload_operation<Function>(std::forward<Function>(function));
}

}  // namespace gyre
