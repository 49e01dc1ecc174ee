#pragma once

#include <cstdint>
#include <exception>
#include <source_location>
#include <utility>

#include "gyre/runtime/ready_queue.h"

namespace gyre {

class await_chain;
class loop;
class promise_base;
class task_wait;
namespace detail {
class traveller;
}

/// Where a coroutine awaits, for `dump_tasks`: the last parameter of each `await_suspend`, which
/// the compiler fills in, and hands on to `begin_wait`. One pointer; line 0 where it is not known.
using await_location = std::source_location;

/// Told of chains; see `suspension::visit_children`.
class chain_visitor {
 public:
  /// `first` is the outermost coroutine of `chain`.
  virtual void visit(const await_chain& chain, const promise_base& first) = 0;

 protected:
  ~chain_visitor() = default;
};

/// What a suspended coroutine waits for: an operation, a timer, the children of a scope. It lives
/// in the frame of the coroutine that awaits it and must not be destroyed before it has ended.
class suspension {
 public:
  suspension(const suspension&) = delete;
  suspension& operator=(const suspension&) = delete;

  /// Asks the wait to end early. It ends later, by the usual way, and with its own result: what
  /// arrived before the request is delivered. On the loop's thread only.
  virtual void request_stop() noexcept = 0;

  /// One word that says what is awaited, for listings of tasks.
  virtual const char* name() const noexcept = 0;
  /// The number of the descriptor that it waits for, or -1.
  virtual int awaited_descriptor() const noexcept { return -1; }
  /// Tells of the chains whose end is awaited, the oldest first, but not of those that have ended.
  virtual void visit_children(chain_visitor&) const {}
  /// Whether only tasks of the same loop can let it go on, or the end of the children: a wait for
  /// something that other threads or the kernel do is not local.
  virtual bool is_local() const noexcept { return false; }

  /// The coroutine that waits; null before it does.
  const promise_base* awaited_by() const noexcept { return waiter_; }

 protected:
  suspension() noexcept = default;
  ~suspension() = default;

  /// Records that `waiter` waits for this. From here on a request to stop its chain reaches it.
  inline void begin_wait(promise_base& waiter, await_location at = {}) noexcept;
  /// To be called when the coroutine goes on.
  inline void end_wait() noexcept;
  /// Lets the waiter go on at its turn in the ready queue.
  inline void resume_waiter() noexcept;

  promise_base* waiter_ = nullptr;
};

/// A wait for tasks of the same loop, which a stop of the waiter reaches.
class task_wait : public suspension {
 public:
  /// Tasks that await tasks may be stopped to any depth: those deeper down are asked one after the
  /// other, not one inside of the other.
  void request_stop() noexcept final;
  bool is_local() const noexcept override { return true; }

 protected:
  task_wait() noexcept = default;
  ~task_wait() = default;

  /// Asks those tasks to finish early. May be called more than once.
  virtual void stop_tasks() noexcept = 0;

 private:
  friend class loop;
  task_wait* next_asked_ = this;  // that while it was not asked to pass a stop on
};

/// A task with everything that it awaits, one below the other: at any time one coroutine of a chain
/// runs, or one waits for one suspension. Children of a scope are chains of their own. A request to
/// stop goes to the chain, which passes it to what it waits for: nobody hands tokens around.
class await_chain {
 public:
  explicit await_chain(loop& home) noexcept : home_(&home) {}
  await_chain(const await_chain&) = delete;
  await_chain& operator=(const await_chain&) = delete;

  loop& home() const noexcept { return *home_; }

  /// True once the chain was asked to finish early: waits that begin from now on end at once with
  /// `operation_canceled`.
  bool stop_requested() const noexcept { return stop_requested_; }

  /// Asks all of the chain to finish early. Idempotent; on the loop's thread only.
  void request_stop() noexcept {
    if (stop_requested_) return;
    stop_requested_ = true;
    interrupt();
  }

  /// Asks only what the chain waits for now to end early; what comes after it is as ever.
  void interrupt() noexcept {
    if (waiting_for_) waiting_for_->request_stop();
  }

  /// What the chain waits for; null while it runs. What has ended is no longer named, but for
  /// operations and places in queues, which are until the chain goes on.
  const suspension* waiting_for() const noexcept { return waiting_for_; }
  /// When that wait began, see `loop::stamp`.
  std::uint32_t waiting_since() const noexcept { return waiting_since_; }

  /// What a coroutine of it threw, or null: until the one that awaits that goes on, which is the
  /// next of the chain to run, so that there is never more than one.
  const std::exception_ptr* failure() const noexcept { return failure_ ? &failure_ : nullptr; }
  void keep_failure(std::exception_ptr failure) noexcept { failure_ = std::move(failure); }
  /// Throws that, if there is one.
  void rethrow_failure() {
    if (failure_) [[unlikely]]
      rethrow();
  }

  /// The place of its latency class among those of its loop; 0 is the default class.
  std::uint8_t class_index() const noexcept { return class_index_; }

  /// For `resume_on`: itself where it can leave its loop, else null.
  virtual detail::traveller* as_traveller() noexcept { return nullptr; }

 protected:
  ~await_chain() = default;
  /// The outermost coroutine of the chain has finished. It is suspended at its end, and its frame
  /// must not be destroyed from here.
  virtual void finished() noexcept = 0;
  /// From here on it belongs to another loop. Nothing of it may be in use on the one before.
  void move_to(loop& home) noexcept { home_ = &home; }
  /// Goes back to the default class: what leaves its loop leaves its class there.
  void leave_class() noexcept;
  /// Belongs, from here on, to the class of `other`, a chain of the same loop.
  void join_class_of(const await_chain& other) noexcept;

 private:
  friend class latency_class;
  friend class loop;
  friend class promise_base;
  friend class suspension;
  [[noreturn, gnu::noinline, gnu::cold]] void rethrow() {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  loop* home_;
  suspension* waiting_for_ = nullptr;
  bool stop_requested_ = false;
  std::uint8_t class_index_ = 0;
  std::uint32_t waiting_since_ = 0;
  std::exception_ptr failure_;
};

}  // namespace gyre
