#pragma once

#include <cstdint>
#include <system_error>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"

namespace gyre {

class one_loop;
template <class Wait>
class wait_queue;

/// A place in a `wait_queue`: two pointers in whatever waits, so that standing in a queue allocates
/// nothing, and leaving it from the middle takes constant time.
class wait_place {
 public:
  wait_place(const wait_place&) = delete;
  wait_place& operator=(const wait_place&) = delete;

 protected:
  // The pointers are set when the place is taken: most waits find what they want, and never stand
  // in a queue.
  wait_place() noexcept {}
  ~wait_place() = default;

  /// It must stand in a queue.
  void leave_queue() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
  }

 private:
  template <class Wait>
  friend class wait_queue;
  wait_place* next_;
  wait_place* previous_;
};

/// Those who wait for one thing, first come first served. `Wait` derives from `wait_place`.
template <class Wait>
class wait_queue : private wait_place {
 public:
  wait_queue() noexcept {
    next_ = this;
    previous_ = this;
  }

  bool empty() const noexcept { return next_ == this; }
  /// The one that has waited longest; there must be one.
  Wait& first() noexcept { return static_cast<Wait&>(*next_); }

  void push(Wait& last) noexcept {
    wait_place& place = last;
    wait_place& before = *previous_;
    place.previous_ = &before;
    before.next_ = &place;
    place.next_ = this;
    previous_ = &place;
  }
};

/// A coroutine's wait in a queue, for something that another task of its loop grants (for tasks of
/// others there is `cross_wait`). It leaves when that happens or when the chain is asked to stop,
/// whichever is first; the other is too late.
class queued_wait : protected suspension, public wait_place {
 public:
  /// `closed` is an end without what was waited for, because it will never come; `selectable` is
  /// one that is queued for a `select`, which waits in its place.
  enum class stage : std::uint8_t { idle, queued, selectable, ended, stopped, closed };

 protected:
  queued_wait() noexcept = default;
  ~queued_wait() = default;
  /// For the destructor of the outermost class: in one of this class the compiler would have to
  /// make the object one of this class first, which is a store in each uncontended wait.
  void check_has_left() const noexcept {
    check(stage_ != stage::queued,
          "a task was destroyed while it waited: stop it and await its end");
  }

  /// To be called in `await_suspend`. False when the chain was asked to stop: then this has ended.
  template <class Wait>
  bool wait_in(wait_queue<Wait>& queue, promise_base& awaiting, await_location at = {}) noexcept {
    if (awaiting.chain().stop_requested()) [[unlikely]]
      return refuse_to_wait(awaiting, at);
    stand_in(queue, awaiting, at);
    return true;
  }
  /// The two sides of it, for those who know whether the chain was asked to stop.
  template <class Wait>
  void stand_in(wait_queue<Wait>& queue, promise_base& awaiting, await_location at) noexcept {
    begin_wait(awaiting, at);
    home_ = &awaiting.chain().home();
    queue.push(static_cast<Wait&>(*this));
    stage_ = stage::queued;
  }
  [[gnu::noinline, gnu::cold]] bool refuse_to_wait(promise_base& awaiting,
                                                   await_location at) noexcept {
    begin_wait(awaiting, at);
    stage_ = stage::stopped;
    return false;
  }

  /// What was waited for is there: the coroutine goes on, at its turn. It must stand in a queue.
  void grant() noexcept {
    leave_queue();
    go_on();
  }
  /// The same, for one that has left its queue.
  void go_on(stage stage = stage::ended) noexcept {
    stage_ = stage;
    home_->make_ready(*waiter_);
  }

  /// Asked when it is granted and has left its queue, of waits that may still have to wait: false
  /// when it stands in a queue again.
  virtual bool settles() noexcept { return true; }

  bool is_local() const noexcept override { return true; }
  void request_stop() noexcept override {
    if (stage_ == stage::queued) leave_stopped();
  }
  void leave_stopped() noexcept {
    leave_queue();
    go_on(stage::stopped);
  }

  /// To be called in `await_resume`; true when the wait was ended by a stop. It may be awaited
  /// again.
  [[nodiscard]] bool ended_by_stop() noexcept {
    end_wait();
    if (stage_ != stage::stopped) [[likely]]
      return false;
    stage_ = stage::idle;
    return true;
  }
  result<void> outcome() noexcept {
    if (ended_by_stop()) return std::errc::operation_canceled;
    return {};
  }
  /// Why it ended without what was waited for.
  std::error_code failure() const noexcept {
    return std::make_error_code(stage_ == stage::stopped ? std::errc::operation_canceled
                                                         : std::errc::broken_pipe);
  }
  /// True until it was granted or stopped.
  bool is_queued() const noexcept { return stage_ == stage::queued; }

  // The waiter knows its chain and that its loop, but each step there delays who is resumed.
  loop* home_;
  stage stage_ = stage::idle;

 private:
  friend class one_loop;
};

}  // namespace gyre
