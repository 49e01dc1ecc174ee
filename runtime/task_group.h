#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/child_task.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Owns tasks that all give a T, and hands their results out as they come: the task that was ready
/// first is the next. It is opened by `with_task_group`, which ends when all of them have ended;
/// used on its loop's thread only.
///
/// A task takes its frame and some 80 bytes until its result was taken, or until it has ended once
/// the group's body has. Nothing but its user bounds a group: one that has much to do takes a
/// result before it spawns more.
template <class T = void>
class task_group {
 public:
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Starts `work` at the loop's next turn. In a group that was stopped it is started all the same;
  /// its first wait ends at once.
  void spawn(task<T> work);

  /// Spawns `function(arguments...)` and keeps both until the task has ended: see `invoke`.
  template <class Function, class... Arguments>
    requires std::same_as<invoke_task<Function, Arguments...>, task<T>>
  void spawn(Function function, Arguments... arguments) {
    spawn(gyre::invoke(std::move(function), std::move(arguments)...));
  }

  /// The same, but in the latency class `of`, not in that of whoever spawns.
  void spawn(latency_class& of, task<T> work);
  template <class Function, class... Arguments>
    requires std::same_as<invoke_task<Function, Arguments...>, task<T>>
  void spawn(latency_class& of, Function function, Arguments... arguments) {
    spawn(of, gyre::invoke(std::move(function), std::move(arguments)...));
  }

  class next_wait;
  /// The result of the next task that has ended, in the order of their ends (`std::monostate` where
  /// T is void); nullopt when none is left. Throws what the task threw; the others go on. For one
  /// task at a time.
  ///
  /// For the group's body, and those that it awaits: once that has returned this gives nullopt.
  /// A stop of the whole group doesn't end it: its tasks end soon, and what they return is given.
  /// A deadline, or a stop that doesn't reach the group, ends it with nullopt; `empty` tells.
  next_wait next() noexcept { return next_wait(*this); }

  /// Asks the tasks of the group, but not the group's body, to finish early. Idempotent.
  void request_stop() noexcept;
  bool stop_requested() const noexcept { return stop_requested_; }

  /// How many tasks there are whose results were not taken.
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Tells of the tasks that have not ended, the oldest first; for `dump_tasks`.
  void visit_tasks(chain_visitor& visitor) const;

 protected:
  explicit task_group(loop& home) noexcept : home_(&home) {}
  ~task_group();

  /// From here on nobody takes results: those there are are destroyed, and a failure stops all, and
  /// is kept. True when no task is left.
  bool close() noexcept;
  /// Called when no task is left, once the group is closed.
  virtual void emptied() noexcept = 0;
  /// For what `close` is too late for.
  void keep(const std::exception_ptr& failure) noexcept {
    if (!failure_) failure_ = failure;
    request_stop();
  }
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  class listed;
  using child = detail::child_task<T, task_group, listed>;
  friend child;
  class listed : public retired {
   public:
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* child, std::size_t size) noexcept {
      frame_pool::deallocate(child, size);
    }

    child* next = nullptr;
    child** link = nullptr;

   private:
    void destroy() noexcept override {
      auto* const ended = static_cast<child*>(this);
      ended->owner().remove(ended);
    }
  };

  void ended(child& ended, const std::exception_ptr* failure) noexcept;
  child* pop_ended() noexcept;
  // What its frame keeps may spawn when it is destroyed.
  void remove(child* ended) noexcept {
    delete ended;
    if (--size_ == 0 && closed_) emptied();
  }
  std::optional<detail::value_or_nothing<T>> take();

  loop* home_;
  child* running_ = nullptr;
  child* ended_ = nullptr;  // the first of them is the next to be taken
  child** last_ended_ = &ended_;
  next_wait* next_wait_ = nullptr;
  std::size_t size_ = 0;
  bool stop_requested_ = false;
  bool closed_ = false;
  std::exception_ptr failure_;
};

/// The wait of `next`.
template <class T>
class [[nodiscard]] task_group<T>::next_wait final : private suspension {
 public:
  explicit next_wait(task_group& group) noexcept : group_(group) {}
  ~next_wait() {
    check(group_.next_wait_ != this,
          "a task was destroyed while it waited: stop it and await its end");
  }

  bool await_ready() const noexcept {
    check(!group_.next_wait_, "next() of a task_group was awaited by two tasks at once");
    return group_.ended_ || group_.closed_ || group_.empty();
  }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    begin_wait(awaiting.promise(), at);
    if (waiter_->chain().stop_requested() && !group_.stop_requested_) return false;
    group_.next_wait_ = this;
    return true;
  }
  std::optional<detail::value_or_nothing<T>> await_resume() {
    end_wait();
    return group_.take();
  }

 private:
  friend task_group;
  void ended() noexcept {
    group_.next_wait_ = nullptr;
    resume_waiter();
  }
  void request_stop() noexcept override {
    if (group_.next_wait_ != this) return;
    if (!waiter_->chain().stop_requested() || !group_.stop_requested_) ended();
  }
  const char* name() const noexcept override { return "task_group"; }
  bool is_local() const noexcept override { return true; }

  task_group& group_;
};

template <class T>
task_group<T>::~task_group() {
  check(empty(), "a task_group was destroyed before its tasks had ended: await it to its end");
}

template <class T>
void task_group<T>::spawn(task<T> work) {
  auto* added = new child(std::move(work), *home_);
  added->next = running_;
  added->link = &running_;
  if (running_) running_->link = &added->next;
  running_ = added;
  ++size_;
  added->begin(*this, stop_requested_);
}

template <class T>
void task_group<T>::spawn(latency_class& of, task<T> work) {
  auto& coroutine = work.coroutine();
  spawn(std::move(work));
  of.take(coroutine.chain());
}

template <class T>
void task_group<T>::visit_tasks(chain_visitor& visitor) const {
  std::vector<const child*> newest_first;
  for (const child* each = running_; each; each = each->next) newest_first.push_back(each);
  for (const child* each : newest_first | std::views::reverse) each->visit(visitor);
}

template <class T>
void task_group<T>::request_stop() noexcept {
  if (stop_requested_) return;
  stop_requested_ = true;
  for (child* each = running_; each; each = each->next) each->request_stop();
}

template <class T>
void task_group<T>::ended(child& ended, const std::exception_ptr* failure) noexcept {
  *ended.link = ended.next;
  if (ended.next) ended.next->link = ended.link;
  if (closed_) {
    if (failure) keep(*failure);
    return home_->retire(ended);
  }
  ended.next = nullptr;
  *last_ended_ = &ended;
  last_ended_ = &ended.next;
  if (next_wait_) next_wait_->ended();
}

template <class T>
bool task_group<T>::close() noexcept {
  while (ended_) {
    child* const each = pop_ended();
    if (const std::exception_ptr* failure = each->failure()) keep(*failure);
    remove(each);
  }
  closed_ = true;
  if (next_wait_) next_wait_->ended();
  return empty();
}

template <class T>
typename task_group<T>::child* task_group<T>::pop_ended() noexcept {
  child* const first = ended_;
  ended_ = first->next;
  if (!ended_) last_ended_ = &ended_;
  return first;
}

template <class T>
std::optional<detail::value_or_nothing<T>> task_group<T>::take() {
  if (!ended_) return std::nullopt;
  const auto remover = [this](child* taken) { remove(taken); };
  const std::unique_ptr<child, decltype(remover)> taken(pop_ended(), remover);
  return taken->take();
}

/// The group of `with_task_group`, and the wait for its end.
template <class T, class Function>
class [[nodiscard]] task_group_awaiter final : private task_wait, private task_group<T> {
  using body_task = std::invoke_result_t<Function&, task_group<T>&>;
  using value = typename body_task::value_type;
  using body_child = detail::child_task<void, task_group_awaiter>;

 public:
  explicit task_group_awaiter(Function function)
      : task_group<T>(loop::current()), function_(std::move(function)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) {
    try {
      body_.emplace(await_body(function_(static_cast<task_group<T>&>(*this)), value_));
    } catch (...) {
      // It is no coroutine, and may have spawned before.
      if (this->empty()) throw;
      this->keep(std::current_exception());
    }
    begin_wait(awaiting.promise(), at);
    const bool stopped = awaiting.promise().chain().stop_requested();
    if (stopped) task_group<T>::request_stop();
    if (body_)
      body_->begin(*this, stopped);
    else
      this->close();
  }
  auto await_resume() {
    end_wait();
    if (body_ && body_->failure()) body_->take();
    this->rethrow_failure();
    if constexpr (!std::is_void_v<value>) return *std::move(value_);
  }

 private:
  friend body_child;
  using kept_value = std::optional<detail::value_or_nothing<value>>;

  // The body's frame is gone when it has been awaited; what it keeps may spawn.
  static task<void> await_body(body_task body, kept_value& kept) {
    if constexpr (std::is_void_v<value>)
      co_await std::move(body);
    else
      kept.emplace(co_await std::move(body));
  }

  void ended(body_child&, const std::exception_ptr* failure) noexcept {
    if (failure) task_group<T>::request_stop();
    if (this->close()) resume_waiter();
  }
  void emptied() noexcept override { resume_waiter(); }
  void stop_tasks() noexcept override {
    task_group<T>::request_stop();
    if (body_) body_->request_stop();
  }
  const char* name() const noexcept override { return "with_task_group"; }
  void visit_children(chain_visitor& visitor) const override {
    if (body_) body_->visit(visitor);
    this->visit_tasks(visitor);
  }

  Function function_;
  std::optional<body_child> body_;
  [[no_unique_address]] kept_value value_;
};

/// Opens a task group, runs `body(group)` in it, and goes on when the body and all that it spawned
/// have ended; gives what the body returns. A stop of the awaiting task reaches them all. `body` is
/// kept until then, so that it may be a lambda with captures.
///
///     co_await gyre::with_task_group<page>([&](gyre::task_group<page>& group) -> gyre::task<> {
///       for (const auto& address : addresses) group.spawn(fetch(address));
///       while (auto fetched = co_await group.next()) show(*fetched);
///     });
///
/// A body that throws stops the tasks, and its exception comes out when they have ended. Where it
/// returns before it has taken all results the rest is awaited and destroyed, and the first
/// exception among them stops the others and comes out.
template <class T, class Function>
  requires detail::is_task<std::invoke_result_t<Function&, task_group<T>&>>
task_group_awaiter<T, Function> with_task_group(Function body) {
  return task_group_awaiter<T, Function>(std::move(body));
}

}  // namespace gyre
