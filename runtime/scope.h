#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/task.h"

namespace gyre {

class latency_class;

/// Owns the tasks that were spawned into it: it ends when all of them have ended. When one fails
/// with an exception the others are asked to stop, and the exception comes out of the scope. A
/// scope is opened by `with_scope`, in the way of a nursery; used on its loop's thread only.
class scope {
 public:
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  /// Starts `work` at the loop's next turn. It is asked to stop when the scope is. Spawning into a
  /// scope that was stopped starts the task all the same; its first wait ends at once.
  void spawn(task<void> work);

  /// Spawns `function(arguments...)` and keeps both until the task has ended: see `invoke`.
  template <class Function, class... Arguments>
    requires std::same_as<invoke_task<Function, Arguments...>, task<void>>
  void spawn(Function function, Arguments... arguments) {
    spawn(gyre::invoke(std::move(function), std::move(arguments)...));
  }

  /// The same, but in the latency class `of`, not in that of whoever spawns.
  void spawn(latency_class& of, task<void> work);
  template <class Function, class... Arguments>
    requires std::same_as<invoke_task<Function, Arguments...>, task<void>>
  void spawn(latency_class& of, Function function, Arguments... arguments) {
    spawn(of, gyre::invoke(std::move(function), std::move(arguments)...));
  }

  /// What a scope keeps of one of its tasks: for who has to know when that has ended.
  class child;
  /// Spawns the task of such a record.
  void spawn(child& record) noexcept;

  /// Asks all tasks of the scope to finish early. Idempotent.
  void request_stop() noexcept;
  bool stop_requested() const noexcept { return stop_requested_; }

  /// How many tasks have not ended and been destroyed, the scope's body included.
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Tells of its tasks, the oldest first; for `dump_tasks`.
  void visit_tasks(chain_visitor& visitor) const;

 protected:
  explicit scope(loop& home) noexcept : home_(&home) {}
  ~scope();

  /// Called when the last task has ended and been destroyed.
  virtual void emptied() noexcept = 0;

  /// Asks all to stop, and keeps `failure` where it is the first.
  void fail(const std::exception_ptr& failure) noexcept;
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  inline void begin(child& record, promise_base& coroutine) noexcept;
  void ended(child& child) noexcept;
  void left() noexcept {
    if (--size_ == 0) emptied();
  }

  loop* home_;
  child* children_ = nullptr;
  std::size_t size_ = 0;
  bool stop_requested_ = false;
  std::exception_ptr failure_;
};

/// A task of a scope. `destroy` is called once it has ended, before whoever waits for the scope
/// goes on, and has to call `remove`.
class scope::child : public await_chain, public retired {
 public:
  child(scope& owner, task<void> work) noexcept
      : await_chain(*owner.home_), owner_(owner), work_(std::move(work)) {}

  static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
  static void operator delete(void* record, std::size_t size) noexcept {
    frame_pool::deallocate(record, size);
  }

 protected:
  ~child() {
    if (link_) work_.destroy();
  }
  /// Deletes the record, and with it the task's frame. Its scope is told last: what the frame keeps
  /// may spawn when it is destroyed.
  template <class Record>
  static void remove(Record* record) noexcept {
    scope& owner = record->owner_;
    delete record;
    owner.left();
  }
  /// Whether what the task threw concerns it alone; else the scope ends with that.
  virtual bool bears(const std::exception_ptr&) noexcept { return false; }

 private:
  friend class scope;
  void finished() noexcept override { owner_.ended(*this); }

  scope& owner_;
  task<void> work_;
  child* next_ = nullptr;
  child** link_ = nullptr;  // null until it is spawned
};

/// The scope of `with_scope`, and the wait for its end.
template <class Function>
class [[nodiscard]] scope_awaiter final : private task_wait, private scope {
  using body_task = std::invoke_result_t<Function&, scope&>;
  using value = typename body_task::value_type;
  static constexpr bool gives_value = !std::is_void_v<value>;

 public:
  explicit scope_awaiter(Function body) noexcept(std::is_nothrow_move_constructible_v<Function>)
      : scope(loop::current()), body_(std::move(body)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) {
    try {
      begin_body();
    } catch (...) {
      if (empty()) throw;
      fail(std::current_exception());
    }
    begin_wait(awaiting.promise(), at);
    if (awaiting.promise().chain().stop_requested()) scope::request_stop();
  }
  value await_resume() {
    end_wait();
    rethrow_failure();
    if constexpr (gives_value) return *std::move(value_);
  }

 private:
  // A body that is no coroutine may have spawned before it throws.
  void begin_body() {
    if constexpr (gives_value)
      spawn(keep_value(body_(static_cast<scope&>(*this)), value_));
    else
      spawn(body_(static_cast<scope&>(*this)));
  }
  static task<void> keep_value(body_task body, std::optional<value>& kept) {
    kept.emplace(co_await std::move(body));
  }
  void stop_tasks() noexcept override { scope::request_stop(); }
  const char* name() const noexcept override { return "scope"; }
  void visit_children(chain_visitor& visitor) const override { visit_tasks(visitor); }
  void emptied() noexcept override { resume_waiter(); }

  Function body_;
  [[no_unique_address]] std::conditional_t<gives_value, std::optional<value>, std::monostate>
      value_;
};

/// Opens a scope, runs `body(scope)` in it, and goes on when the body and all that it spawned have
/// ended; then the first exception of any of them is thrown, or what the body has returned is
/// given. A stop of the awaiting task reaches them all. `body` is kept until then, so that it may
/// be a lambda with captures. The results of what it spawns are handed out by a `task_group`.
///
///     co_await gyre::with_scope([&](gyre::scope& children) -> gyre::task<> {
///       while (auto stream = co_await listener.accept())
///         children.spawn(serve(*std::move(stream)));
///     });
template <class Function>
  requires detail::is_task<std::invoke_result_t<Function&, scope&>>
scope_awaiter<Function> with_scope(Function body) {
  return scope_awaiter<Function>(std::move(body));
}

/// Spawns into the root scope of the loop on this thread: the task lives as long as it likes, but
/// no longer than `run`, which asks it to stop once the main task has ended, and waits for it. An
/// exception of it stops the main task, and comes out of `run`.
void spawn(task<void> work);

}  // namespace gyre
