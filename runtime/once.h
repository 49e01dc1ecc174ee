#pragma once

#include <atomic>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/mutex.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Something that is done once, by the first task that needs it; those who come meanwhile wait.
/// Must outlive those who call it. To be used as `once` or `cross_once`.
///
///     co_await connected.call([&]() -> gyre::task<gyre::result<void>> { … });
template <class Reach>
class basic_once {
 public:
  /// Awaits `function()` unless it was done before. Where it ends with an error, which a stop of
  /// its task is too, or throws, this gives or throws the same, and the next who calls, or who has
  /// waited longest, tries again with its own function. A stop ends the wait for others with
  /// `operation_canceled`. `function` is kept until its task has ended; it must not call this
  /// `once` again, which would wait for itself.
  template <class Function>
    requires std::same_as<std::invoke_result_t<Function&>, task<result<void>>>
  task<result<void>> call(Function function) {
    if (is_done()) co_return result<void>();
    const auto turn = co_await calling_.lock();
    if (!turn) co_return turn.error();
    if (is_done()) co_return result<void>();
    const result<void> outcome = co_await function();
    if (outcome) done_.store(true, std::memory_order_release);
    co_return outcome;
  }

  bool is_done() const noexcept { return done_.load(std::memory_order_acquire); }

 private:
  basic_mutex<Reach> calling_;
  std::atomic<bool> done_ = false;
};

/// For the tasks of one loop, on its thread.
using once = basic_once<one_loop>;
/// For the tasks of any loops, see `any_loop`: what was done on one is seen on all.
using cross_once = basic_once<any_loop>;

/// A value that is made by the first task that needs it; those who come meanwhile wait. Must
/// outlive those who wait. To be used as `lazy<T>` or `cross_lazy<T>`.
///
///     auto table = co_await tables.get([&] { return load(path); });  // task<result<table>>
///     if (!table) co_return table.error();
///     (*table)->find(key);
template <class T, class Reach>
class basic_lazy {
 public:
  /// Gives a pointer to the value, which `function()` made, now or before; it is good for as long
  /// as this object. Errors, exceptions and stops are those of `once::call`.
  template <class Function>
    requires std::same_as<std::invoke_result_t<Function&>, task<result<T>>>
  task<result<T*>> get(Function function) {
    if (T* const made = get_if()) co_return made;
    const auto turn = co_await making_.lock();
    if (!turn) co_return turn.error();
    if (T* const made = get_if()) co_return made;
    auto made = co_await function();
    if (!made) co_return made.error();
    T* const value = &value_.emplace(*std::move(made));
    made_.store(value, std::memory_order_release);
    co_return value;
  }

  /// The value where it has been made, else null.
  T* get_if() noexcept { return made_.load(std::memory_order_acquire); }

 private:
  basic_mutex<Reach> making_;
  std::optional<T> value_;
  std::atomic<T*> made_ = nullptr;
};

/// For the tasks of one loop, on its thread.
template <class T>
using lazy = basic_lazy<T, one_loop>;
/// For the tasks of any loops, see `any_loop`. The value is made on the loop of one of them, and
/// used by all: it must bear that.
template <class T>
using cross_lazy = basic_lazy<T, any_loop>;

}  // namespace gyre
