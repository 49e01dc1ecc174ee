#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/mutex.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Something that is done once, by the first task of a loop that needs it; those who come meanwhile
/// wait. Must outlive those who call it; used on its loop's thread only.
///
///     co_await connected.call([&]() -> gyre::task<gyre::result<void>> { … });
class once {
 public:
  /// Awaits `function()` unless it was done before. Where it ends with an error, which a stop of
  /// its task is too, or throws, this gives or throws the same, and the next who calls, or who has
  /// waited longest, tries again with its own function. A stop ends the wait for others with
  /// `operation_canceled`. `function` is kept until its task has ended; it must not call this
  /// `once` again, which would wait for itself.
  template <class Function>
    requires std::same_as<std::invoke_result_t<Function&>, task<result<void>>>
  task<result<void>> call(Function function) {
    if (done_) co_return result<void>();
    const auto turn = co_await calling_.lock();
    if (!turn) co_return turn.error();
    if (done_) co_return result<void>();
    const result<void> outcome = co_await function();
    done_ = outcome.has_value();
    co_return outcome;
  }

  bool is_done() const noexcept { return done_; }

 private:
  mutex calling_;
  bool done_ = false;
};

/// A value that is made by the first task of a loop that needs it; those who come meanwhile wait.
/// Must outlive those who wait; used on its loop's thread only.
///
///     auto table = co_await tables.get([&] { return load(path); });  // task<result<table>>
///     if (!table) co_return table.error();
///     (*table)->find(key);
template <class T>
class lazy {
 public:
  /// Gives a pointer to the value, which `function()` made, now or before; it is good for as long
  /// as this object. Errors, exceptions and stops are those of `once::call`.
  template <class Function>
    requires std::same_as<std::invoke_result_t<Function&>, task<result<T>>>
  task<result<T*>> get(Function function) {
    if (value_) co_return &*value_;
    const auto turn = co_await making_.lock();
    if (!turn) co_return turn.error();
    if (value_) co_return &*value_;
    auto made = co_await function();
    if (!made) co_return made.error();
    co_return &value_.emplace(*std::move(made));
  }

  /// The value where it has been made, else null.
  T* get_if() noexcept { return value_ ? &*value_ : nullptr; }

 private:
  mutex making_;
  std::optional<T> value_;
};

}  // namespace gyre
