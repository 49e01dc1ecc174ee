#pragma once

#include <coroutine>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// Something that happens once and that any number of tasks of one loop can wait for (a manual
/// reset event). Must outlive its waiters; used on its loop's thread only.
class event {
 public:
  event() noexcept = default;
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event() { check(waiting_ == nullptr, "an event was destroyed while tasks wait for it"); }

  bool is_set() const noexcept { return set_; }
  /// Lets all that wait go on, in no particular order.
  void set() noexcept {
    set_ = true;
    while (waiting_) waiting_->happened();
  }
  void reset() noexcept { set_ = false; }

  class [[nodiscard]] waiter final : private suspension {
   public:
    explicit waiter(event& event) noexcept : event_(event) {}
    ~waiter() { check(!link_, "a task was destroyed while it waited: stop it and await its end"); }

    bool await_ready() const noexcept { return event_.set_; }
    template <gyre_promise Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting,
                       await_location at = await_location::current()) noexcept {
      begin_wait(awaiting.promise(), at);
      stopped_ = awaiting.promise().chain().stop_requested();
      if (!stopped_) link();
      return !stopped_;
    }
    result<void> await_resume() noexcept {
      end_wait();
      if (stopped_) return std::errc::operation_canceled;
      return {};
    }

   private:
    friend class event;
    void link() noexcept {
      next_ = event_.waiting_;
      link_ = &event_.waiting_;
      if (next_) next_->link_ = &next_;
      event_.waiting_ = this;
    }
    void happened() noexcept {
      *link_ = next_;
      if (next_) next_->link_ = link_;
      link_ = nullptr;
      resume_waiter();
    }
    void request_stop() noexcept override {
      if (!link_) return;
      stopped_ = true;
      happened();
    }
    const char* name() const noexcept override { return "event"; }
    bool is_local() const noexcept override { return true; }

    event& event_;
    waiter* next_ = nullptr;
    waiter** link_ = nullptr;
    bool stopped_ = false;
  };

  /// Goes on when the event is set; at once when it is. Ends with `operation_canceled` when the
  /// task is asked to stop.
  waiter wait() noexcept { return waiter(*this); }

 private:
  waiter* waiting_ = nullptr;
  bool set_ = false;
};

}  // namespace gyre
