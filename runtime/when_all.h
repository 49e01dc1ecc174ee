#pragma once

#include <cstddef>
#include <exception>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/child_task.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The wait of `when_all` for tasks of any types.
template <class... Ts>
class [[nodiscard]] when_all_awaiter final : private detail::children_wait {
 public:
  explicit when_all_awaiter(task<Ts>&&... tasks) noexcept : children_(std::move(tasks)...) {}

  bool await_ready() const noexcept { return sizeof...(Ts) == 0; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    const bool stopped = begin(awaiting.promise(), sizeof...(Ts), at);
    std::apply([&](auto&... each) { (each.begin(*this, stopped), ...); }, children_);
  }
  std::tuple<detail::value_or_nothing<Ts>...> await_resume() {
    end();
    return std::apply(
        [](auto&... each) { return std::tuple<detail::value_or_nothing<Ts>...>{each.take()...}; },
        children_);
  }

 private:
  template <class T>
  using child = detail::child_task<T, when_all_awaiter>;
  template <class, class, class>
  friend class detail::child_task;

  void ended(await_chain&, const std::exception_ptr* failure) noexcept {
    if (failure) [[unlikely]]
      one_failed(*failure);
    one_ended();
  }
  void stop_children() noexcept override {
    std::apply([](auto&... each) { (each.request_stop(), ...); }, children_);
  }
  const char* name() const noexcept override { return "when_all"; }
  void visit_children(chain_visitor& visitor) const override {
    std::apply([&](const auto&... each) { (each.visit(visitor), ...); }, children_);
  }

  std::tuple<child<Ts>...> children_;
};

/// The wait of `when_all` for any number of tasks of one type.
template <class T>
class [[nodiscard]] when_all_range_awaiter final : private detail::children_wait {
 public:
  template <detail::task_range Tasks>
  explicit when_all_range_awaiter(Tasks&& tasks) : children_(detail::size_hint(tasks)) {
    detail::take_tasks(tasks, children_);
  }

  bool await_ready() const noexcept { return children_.size() == 0; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    const bool stopped = begin(awaiting.promise(), children_.size(), at);
    children_.for_each([&](child& each) { each.begin(*this, stopped); });
  }
  std::conditional_t<std::is_void_v<T>, void, std::vector<detail::value_or_nothing<T>>>
  await_resume() {
    end();
    if constexpr (!std::is_void_v<T>) {
      std::vector<T> values;
      values.reserve(children_.size());
      children_.for_each([&](child& each) { values.push_back(each.take()); });
      return values;
    }
  }

 private:
  using child = detail::child_task<T, when_all_range_awaiter>;
  friend child;

  void ended(await_chain&, const std::exception_ptr* failure) noexcept {
    if (failure) [[unlikely]]
      one_failed(*failure);
    one_ended();
  }
  void stop_children() noexcept override {
    children_.for_each([](child& each) { each.request_stop(); });
  }
  const char* name() const noexcept override { return "when_all"; }
  void visit_children(chain_visitor& visitor) const override {
    children_.for_each([&](const child& each) { each.visit(visitor); });
  }

  detail::child_list<child> children_;
};

/// Runs all that is given beside each other, begun in their order at the loop's next turn, and goes
/// on when all have ended, with their results as a tuple (`std::monostate` for those without one):
///
///     auto [page, picture] = co_await gyre::when_all(fetch(a), fetch(b));
///
/// The first exception stops the others, and is thrown when they have ended as well; errors that
/// are values stop nobody. A stop of the awaiting task reaches all. What is not a task (an
/// operation, say) is awaited in one made for it, and must be part of the same co_await expression.
template <awaitable... Awaitables>
auto when_all(Awaitables&&... awaited) {
  return when_all_awaiter<typename decltype(detail::as_task(std::forward<Awaitables>(
      awaited)))::value_type...>(detail::as_task(std::forward<Awaitables>(awaited))...);
}

/// The same for a range of tasks, which are moved out of it; gives a vector of their results, in
/// the order of the range, or nothing where they give nothing. Also for a view that makes them:
///
///     auto pages = co_await gyre::when_all(addresses | std::views::transform(fetch));
///
/// A child takes its frame, 56 bytes beside it, and a place in the vector.
template <detail::task_range Tasks>
auto when_all(Tasks&& tasks) {
  return when_all_range_awaiter<detail::range_task_value<Tasks>>(std::forward<Tasks>(tasks));
}

}  // namespace gyre
