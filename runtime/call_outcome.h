#pragma once

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/result.h"

namespace gyre::detail {

/// `T` where it is a result, else `result<T>`.
template <class T>
using as_result = std::conditional_t<is_result<T>, T, result<T>>;

/// Whether what is deduced as `Function` can be called later: a variable of the caller's, or a
/// temporary that owns nothing. g++ 12 destroys a lambda twice that is a temporary of a co_await
/// expression.
template <class Function>
inline constexpr bool is_safe_to_keep =
    std::is_lvalue_reference_v<Function> || std::is_trivially_destructible_v<Function>;

/// What a call came to that is made on another thread: what it returned or threw, or that it was
/// not made.
template <class T>
class call_outcome {
  static_assert(!std::is_reference_v<T>,
                "what is called on another thread returns a value: a reference would be used here "
                "while that thread goes on");

 public:
  using answer = as_result<T>;

  template <class Function>
  void call(Function& function) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        function();
        returned();
      } else {
        returned(function());
      }
    } catch (...) {
      threw();
    }
  }

  template <class... Value>
  void returned(Value&&... value) {
    state_.template emplace<given>(std::forward<Value>(value)...);
  }
  /// The current exception.
  void threw() noexcept { state_.template emplace<failed>(std::current_exception()); }

  bool succeeded() const noexcept {
    const answer* returned = std::get_if<given>(&state_);
    return returned && returned->has_value();
  }

  /// `operation_canceled` where the call was not made.
  answer take() {
    if (state_.index() == failed) std::rethrow_exception(std::get<failed>(std::move(state_)));
    if (state_.index() == nothing) return std::errc::operation_canceled;
    return std::get<given>(std::move(state_));
  }

 private:
  enum : std::size_t { nothing, given, failed };  // in state_

  std::variant<std::monostate, answer, std::exception_ptr> state_;
};

}  // namespace gyre::detail
