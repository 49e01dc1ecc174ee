#pragma once

#include <concepts>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/check.h"

namespace gyre {

/// The error that the kernel reported as `errno` value `number` (positive), see errno(3).
inline std::error_code errno_error(int number) noexcept {
  return {number, std::generic_category()};
}

/// What an operation came to: a value, or the reason why there is none. Compare the reason with
/// `std::errc`: `r.error() == std::errc::connection_refused`. A stopped operation ends with
/// `std::errc::operation_canceled`, one that ran out of time with `std::errc::timed_out`.
template <class T>
class [[nodiscard]] result {
  static_assert(!std::is_same_v<T, std::error_code> && !std::is_same_v<T, std::errc>,
                "a result whose value is an error can't tell the two apart");

 public:
  using value_type = T;

  /*implicit*/ result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : state_(std::in_place_index<0>, std::move(value)) {}
  /*implicit*/ result(std::error_code error) noexcept : state_(std::in_place_index<1>, error) {}
  /*implicit*/ result(std::errc error) noexcept : result(std::make_error_code(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value, which must be there: test first.
  T& operator*() & noexcept { return held(); }
  const T& operator*() const& noexcept { return const_cast<result*>(this)->held(); }
  T&& operator*() && noexcept { return std::move(held()); }
  T* operator->() noexcept { return &held(); }
  const T* operator->() const noexcept { return &const_cast<result*>(this)->held(); }

  /// The value, or `std::system_error` thrown: for start-up code and tests.
  T& value() & { return or_throw(), held(); }
  const T& value() const& { return or_throw(), const_cast<result*>(this)->held(); }
  T&& value() && { return or_throw(), std::move(held()); }

  T value_or(T otherwise) && { return has_value() ? std::move(held()) : std::move(otherwise); }

  /// Why there is no value; the empty error when there is one.
  std::error_code error() const noexcept {
    const std::error_code* error = std::get_if<1>(&state_);
    return error ? *error : std::error_code();
  }

 private:
  T& held() noexcept {
    T* value = std::get_if<0>(&state_);
    check(value != nullptr,
          "a result was read that holds an error: test it before using its value");
    return *value;
  }
  void or_throw() const {
    if (!has_value()) throw std::system_error(error());
  }

  std::variant<T, std::error_code> state_;
};

/// Success, or the reason why not.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() noexcept {}
  /*implicit*/ result(std::error_code error) noexcept
      : number_(error.value()), category_(error ? &error.category() : nullptr) {}
  /*implicit*/ result(std::errc error) noexcept : result(std::make_error_code(error)) {}

  bool has_value() const noexcept { return category_ == nullptr; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (category_) throw std::system_error(error());
  }
  std::error_code error() const noexcept {
    return category_ ? std::error_code(number_, *category_) : std::error_code();
  }

 private:
  // Not an error_code: to make an empty one is to call the library.
  int number_ = 0;
  const std::error_category* category_ = nullptr;
};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

}  // namespace gyre
