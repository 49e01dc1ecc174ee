#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <ranges>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre::detail {

/// `void` as a value, where there has to be one.
template <class T>
using value_or_nothing = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The place of a child whose owner finds it by other means than a list.
class unlisted {};

/// One of several tasks that are awaited together. Each is a chain of its own, so that it can wait,
/// and be stopped, beside the others; it tells `Owner` when it has ended. `Place` is what the owner
/// keeps with it.
template <class T, class Owner, class Place = unlisted>
class child_task final : public await_chain, public Place {
 public:
  child_task(task<T>&& work, loop& home) noexcept : await_chain(home), work_(std::move(work)) {}
  explicit child_task(task<T>&& work) noexcept : child_task(std::move(work), loop::current()) {}
  ~child_task() {
    if (owner_) work_.destroy();
  }

  /// Starts it at the loop's next turn.
  void begin(Owner& owner, bool stopped) noexcept {
    owner_ = &owner;
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, nullptr);
    if (stopped) request_stop();
    home().make_ready(coroutine);
  }

  Owner& owner() const noexcept { return *owner_; }

  void visit(chain_visitor& visitor) const {
    const auto& coroutine = begun();
    if (!coroutine.handle().done()) visitor.visit(*this, coroutine);
  }

  /// Once it has ended: what it returned, or the exception that it ended with thrown.
  value_or_nothing<T> take() {
    if constexpr (std::is_void_v<T>) {
      begun().take();
      return {};
    } else {
      return begun().take();
    }
  }

 private:
  void finished() noexcept override { owner_->ended(*this, failure()); }
  auto& begun() const noexcept { return work_.frame_.promise(); }

  Owner* owner_ = nullptr;  // null until it is begun
  task<T> work_;
};

/// Any number of children, which stay where they are, in blocks from the frame pool: so they cost
/// no allocation each, and none of the heap in a steady state.
template <class Child>
class child_list {
 public:
  /// `expected` is how many there will be, as far as that is known.
  explicit child_list(std::size_t expected) noexcept : expected_(expected) {}
  child_list(const child_list&) = delete;
  child_list& operator=(const child_list&) = delete;
  ~child_list() {
    while (block* each = first_) {
      first_ = each->next;
      std::destroy(each->begin(), each->end);
      frame_pool::deallocate(each,
                             block::bytes(static_cast<std::size_t>(each->limit - each->begin())));
    }
  }

  template <class... Arguments>
  void emplace_back(Arguments&&... arguments) {
    if (!last_ || last_->end == last_->limit) add_block();
    std::construct_at(last_->end, std::forward<Arguments>(arguments)...);
    ++last_->end;
  }

  std::size_t size() const noexcept { return before_last_ + (last_ ? last_->size() : 0); }

  template <class Function>
  void for_each(Function function) const {
    for (block* each = first_; each; each = each->next)
      for (Child* child = each->begin(); child != each->end; ++child) function(*child);
  }

 private:
  class block {
   public:
    explicit block(std::size_t capacity) noexcept : end(begin()), limit(end + capacity) {}
    static constexpr std::size_t offset =
        (3 * sizeof(void*) + alignof(Child) - 1) / alignof(Child) * alignof(Child);
    static constexpr std::size_t bytes(std::size_t capacity) noexcept {
      return offset + capacity * sizeof(Child);
    }
    Child* begin() noexcept {
      return reinterpret_cast<Child*>(reinterpret_cast<std::byte*>(this) + offset);
    }
    std::size_t size() noexcept { return static_cast<std::size_t>(end - begin()); }

    block* next = nullptr;
    Child* end;
    Child* limit;
  };
  static constexpr std::size_t unexpected = 8;
  static constexpr std::size_t capacity_max = (4096 - block::offset) / sizeof(Child);

  void add_block() {
    const std::size_t here = size();
    const std::size_t wanted = expected_ > here ? expected_ - here : unexpected + here;
    const std::size_t capacity = wanted < capacity_max ? wanted : capacity_max;
    block* added = ::new (frame_pool::allocate(block::bytes(capacity))) block(capacity);
    before_last_ = here;
    (last_ ? last_->next : first_) = added;
    last_ = added;
  }

  block* first_ = nullptr;
  block* last_ = nullptr;
  std::size_t before_last_ = 0;
  std::size_t expected_;
};

/// A range that tasks can be moved out of: one that is given away, or a view.
template <class Tasks>
concept task_range =
    std::ranges::input_range<Tasks> &&
    (!std::is_lvalue_reference_v<Tasks> || std::ranges::view<std::remove_cvref_t<Tasks>>) &&  //
    is_task<std::ranges::range_value_t<Tasks>>;

template <task_range Tasks>
using range_task_value = typename std::ranges::range_value_t<Tasks>::value_type;

template <class Child, class Tasks>
void take_tasks(Tasks& tasks, child_list<Child>& children) {
  loop& home = loop::current();
  for (auto each = std::ranges::begin(tasks); each != std::ranges::end(tasks); ++each)
    children.emplace_back(std::ranges::iter_move(each), home);
}

template <class Tasks>
std::size_t size_hint(Tasks& tasks) noexcept {
  if constexpr (std::ranges::sized_range<Tasks>)
    return std::ranges::size(tasks);
  else
    return 0;
}

/// The wait for children that have begun together, until all have ended.
class children_wait : public task_wait {
 protected:
  children_wait() noexcept = default;
  ~children_wait() {
    check(left_ == 0, "a task was destroyed while its children ran: stop it and await its end");
  }

  virtual void stop_children() noexcept = 0;
  void stop_tasks() noexcept final {
    if (std::exchange(stop_requested_, true)) return;
    stop_children();
  }

  /// To be called before the children begin; true when they are to be stopped from the beginning.
  bool begin(promise_base& waiter, std::size_t children, await_location at) noexcept {
    begin_wait(waiter, at);
    left_ = children;
    stop_requested_ = waiter.chain().stop_requested();
    return stop_requested_;
  }
  [[gnu::noinline, gnu::cold]] void one_failed(const std::exception_ptr& failure) noexcept {
    if (!failure_) failure_ = failure;
    stop_tasks();
  }
  void one_ended() noexcept {
    if (--left_ == 0) resume_waiter();
  }
  /// When all have ended: throws the first exception.
  void end() {
    end_wait();
    if (failure_) [[unlikely]]
      std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  std::size_t left_ = 0;
  bool stop_requested_ = false;
  std::exception_ptr failure_;
};

}  // namespace gyre::detail
