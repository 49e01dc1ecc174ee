#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/child_task.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace detail {

/// Whether an exception says no more than that its task was asked to stop.
inline bool is_answer_to_stop(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    return error.code() == std::errc::operation_canceled;
  } catch (...) {
    return false;
  }
}

/// The wait for the first child and for the end of the others.
class first_wait : public children_wait {
 protected:
  void ended(await_chain& child, const std::exception_ptr* failure) noexcept {
    const bool first = !first_;
    if (first) {
      first_ = &child;
      stop_tasks();
    }
    if (failure && (first || !is_answer_to_stop(*failure))) [[unlikely]]
      one_failed(*failure);
    one_ended();
  }
  bool is_first(const await_chain& child) const noexcept { return first_ == &child; }

 private:
  const await_chain* first_ = nullptr;
};

}  // namespace detail

/// Which task of a range was the first, and what it gave.
template <class T>
class first_of {
 public:
  first_of(std::size_t index, T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : index(index), value(std::move(value)) {}

  std::size_t index;
  T value;
};

/// The wait of `when_any` for tasks of any types.
template <class... Ts>
class [[nodiscard]] when_any_awaiter final : private detail::first_wait {
 public:
  explicit when_any_awaiter(task<Ts>&&... tasks) noexcept : children_(std::move(tasks)...) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    const bool stopped = begin(awaiting.promise(), sizeof...(Ts), at);
    std::apply([&](auto&... each) { (each.begin(*this, stopped), ...); }, children_);
  }
  std::variant<detail::value_or_nothing<Ts>...> await_resume() {
    end();
    return take<0>();
  }

 private:
  template <class, class, class>
  friend class detail::child_task;

  template <std::size_t Index>
  std::variant<detail::value_or_nothing<Ts>...> take() {
    auto& child = std::get<Index>(children_);
    if constexpr (Index + 1 < sizeof...(Ts))
      if (!is_first(child)) return take<Index + 1>();
    return std::variant<detail::value_or_nothing<Ts>...>(std::in_place_index<Index>, child.take());
  }
  void stop_children() noexcept override {
    std::apply([](auto&... each) { (each.request_stop(), ...); }, children_);
  }
  const char* name() const noexcept override { return "when_any"; }
  void visit_children(chain_visitor& visitor) const override {
    std::apply([&](const auto&... each) { (each.visit(visitor), ...); }, children_);
  }

  std::tuple<detail::child_task<Ts, when_any_awaiter>...> children_;
};

/// The wait of `when_any` for any number of tasks of one type.
template <class T>
class [[nodiscard]] when_any_range_awaiter final : private detail::first_wait {
 public:
  template <detail::task_range Tasks>
  explicit when_any_range_awaiter(Tasks&& tasks) : children_(detail::size_hint(tasks)) {
    detail::take_tasks(tasks, children_);
    check(children_.size() > 0, "when_any was given no task: none would ever be the first");
  }

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    const bool stopped = begin(awaiting.promise(), children_.size(), at);
    children_.for_each([&](child& each) { each.begin(*this, stopped); });
  }
  std::conditional_t<std::is_void_v<T>, std::size_t, first_of<detail::value_or_nothing<T>>>
  await_resume() {
    end();
    std::size_t index = 0;
    child* first = nullptr;
    children_.for_each([&](child& each) {
      if (is_first(each)) first = &each;
      if (!first) ++index;
    });
    if constexpr (std::is_void_v<T>)
      return index;
    else
      return first_of<T>(index, first->take());
  }

 private:
  using child = detail::child_task<T, when_any_range_awaiter>;
  friend child;

  void stop_children() noexcept override {
    children_.for_each([](child& each) { each.request_stop(); });
  }
  const char* name() const noexcept override { return "when_any"; }
  void visit_children(chain_visitor& visitor) const override {
    children_.for_each([&](const child& each) { each.visit(visitor); });
  }

  detail::child_list<child> children_;
};

/// Runs all that is given beside each other, begun in their order at the loop's next turn, until
/// the first of them has ended; the others are asked to stop then, and awaited to their end. Gives
/// a variant whose index tells which was the first (`std::monostate` where that gives nothing):
///
///     auto first = co_await gyre::when_any(answer_of(a), answer_of(b));
///     if (first.index() == 0) use(std::get<0>(first));
///
/// The first is whichever ends first, be it with an error that is a value. What the others return
/// is destroyed when all have ended, also what they got before the stop reached them: a descriptor
/// closes itself. Where each result counts take a `task_group`.
///
/// When the first ends by an exception, that is thrown when the others have ended. So is the first
/// exception of another, in place of the result, but for a `std::system_error` of
/// `operation_canceled`, which only says that it was stopped.
///
/// A stop of the awaiting task reaches all. What is not a task (an operation, say) is awaited in
/// one made for it, and must be part of the same co_await expression.
template <awaitable... Awaitables>
  requires(sizeof...(Awaitables) > 0)
auto when_any(Awaitables&&... awaited) {
  return when_any_awaiter<typename decltype(detail::as_task(std::forward<Awaitables>(
      awaited)))::value_type...>(detail::as_task(std::forward<Awaitables>(awaited))...);
}

/// The same for a range of tasks, at least one, which are moved out of it, or for a view that makes
/// them; gives the index and the value of the first, or only the index where they give nothing:
///
///     auto [index, page] = co_await gyre::when_any(mirrors | std::views::transform(fetch));
template <detail::task_range Tasks>
auto when_any(Tasks&& tasks) {
  return when_any_range_awaiter<detail::range_task_value<Tasks>>(std::forward<Tasks>(tasks));
}

}  // namespace gyre
