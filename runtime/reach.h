#pragma once

#include <coroutine>
#include <mutex>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// The reach of what is shared by tasks of one loop: it is used on that loop's thread only, so that
/// nothing has to be locked, and who is let go on is put into the ready queue.
///
/// What has a reach is described once, for both. It keeps a `lock`; it looks at itself and changes
/// in a `section`; and its waits derive from `wait`.
class one_loop {
 public:
  static constexpr bool between_loops = false;
  using wait = queued_wait;
  class lock {};

  class section {
   public:
    explicit section(lock&) noexcept {}
    section(const section&) = delete;
    section& operator=(const section&) = delete;

    /// Lets the task go on whose wait this is. It must stand in its queue.
    void grant(queued_wait& wait) noexcept { wait.grant(); }
    /// The same, to one that may have no use for it yet: false then.
    bool offer(queued_wait& wait) noexcept {
      wait.leave_queue();
      if (!wait.settles()) return false;
      wait.go_on();
      return true;
    }
  };
};

/// A wait in a queue, for something that a task of any loop grants, or a thread without one. In
/// which queue it stands and what became of it is said under the lock of what it waits for. Then it
/// is itself the message that goes to its loop.
class cross_wait : public queued_wait, private message {
 protected:
  cross_wait() noexcept = default;
  ~cross_wait() = default;

  /// To be returned by `await_suspend` where nothing is waited for: false, and after a number of
  /// such true, so that the task goes on at its next turn. Other threads, which this one does not
  /// keep from anything, could else keep it from all that its loop has to do.
  bool goes_on_in_turn(promise_base& awaiting, await_location at) noexcept {
    if (awaiting.chain().home().take_immediate()) [[likely]]
      return false;
    begin_wait(awaiting, at);
    resume_waiter();
    return true;
  }

 private:
  friend class granted_waits;
  bool is_local() const noexcept override { return false; }
  void delivered() noexcept override {
    if (settles()) resume_waiter();
  }
};

/// Waits that have ended under a lock. Their tasks go on when this is destroyed, which must be when
/// the lock was let go: each of them may end the owner of what it waited for, and of its lock.
class granted_waits {
 public:
  granted_waits() noexcept = default;
  granted_waits(const granted_waits&) = delete;
  granted_waits& operator=(const granted_waits&) = delete;
  ~granted_waits() {
    while (!waits_.empty()) {
      cross_wait& first = waits_.first();
      first.leave_queue();
      first.home_->post(first);
    }
  }

  /// One that stands in its queue.
  void take(cross_wait& wait, queued_wait::stage stage) noexcept {
    wait.leave_queue();
    wait.stage_ = stage;
    waits_.push(wait);
  }

 private:
  wait_queue<cross_wait> waits_;
};

/// The reach of what is shared by tasks of any loops. It is locked for a few instructions at a
/// time. Whoever lets a task go on posts a message to its loop, which is woken only when it sleeps;
/// the wait of that task is the message.
///
/// Only tasks wait, on their loops; all else may be done from any thread at any time, also from one
/// without a loop. It must outlive all waits. A call that lets tasks go on doesn't touch it any
/// more once the first of them may run: so that one may destroy it, while the call is returning.
class any_loop {
 public:
  static constexpr bool between_loops = true;
  using wait = cross_wait;
  using lock = std::mutex;

  class section {
   public:
    explicit section(std::mutex& lock) noexcept : locked_(lock) {}
    section(const section&) = delete;
    section& operator=(const section&) = delete;

    /// Lets the task go on, after the section, whose wait this is. It must stand in its queue.
    void grant(cross_wait& wait) noexcept { granted_.take(wait, queued_wait::stage::ended); }
    /// The same as `grant`: whether it has a use for that it finds out on its own loop.
    bool offer(cross_wait& wait) noexcept {
      grant(wait);
      return true;
    }

    granted_waits& granted() noexcept { return granted_; }

   private:
    granted_waits granted_;
    const std::lock_guard<std::mutex> locked_;
  };
};

/// Lets all go on that wait in `queue`, the first first.
template <class Section, class Wait>
void grant_all(Section& inside, wait_queue<Wait>& queue) noexcept {
  while (!queue.empty()) inside.grant(queue.first());
}

/// A wait for something that `Of` gives. That keeps its `lock_` and a queue `waiting_`. `Wait` is
/// the class that derives from this; it has `attempt`, which takes at once what is waited for where
/// that is there, and may have its own `queued` and `left`.
template <class Reach, class Of, class Wait, class Place = typename Reach::wait>
class basic_wait : public Place {
 public:
  bool await_ready() noexcept {
    if constexpr (Reach::between_loops) {
      return false;
    } else {
      typename Reach::section inside(of_.lock_);
      if (self().attempt(inside)) [[likely]]
        return true;
      return false;
    }
  }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    typename Reach::section inside(of_.lock_);
    // Nothing may come between the attempt and the wait.
    if constexpr (Reach::between_loops)
      if (self().attempt(inside)) return this->goes_on_in_turn(awaiting.promise(), at);
    const bool waits = this->wait_in(of_.waiting_, awaiting.promise(), at);
    if (waits) self().queued();
    return waits;
  }

 protected:
  // What a wait in a queue is made of is not set before it stands there.
  explicit basic_wait(Of& of) noexcept : of_(of) {}
  template <class Argument>
  basic_wait(Of& of, Argument argument) noexcept : Place(argument), of_(of) {}
  ~basic_wait() = default;

  /// It stands in the queue.
  void queued() noexcept {}
  /// It has left it because of a stop, and others may be served.
  void left(typename Reach::section&) noexcept {}

  Of& of_;

 private:
  Wait& self() noexcept { return static_cast<Wait&>(*this); }
  void request_stop() noexcept override {
    typename Reach::section inside(of_.lock_);
    if (!this->is_queued()) return;
    this->leave_stopped();
    self().left(inside);
  }
};

}  // namespace gyre
