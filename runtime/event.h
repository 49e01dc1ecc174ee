#pragma once

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Something that happens once and that any number of tasks can wait for (a manual reset event).
/// Must outlive its waiters. To be used as `event` or `cross_event`.
template <class Reach>
class basic_event {
  using section = typename Reach::section;

 public:
  basic_event() noexcept = default;
  basic_event(const basic_event&) = delete;
  basic_event& operator=(const basic_event&) = delete;
  ~basic_event() { check(waiting_.empty(), "an event was destroyed while tasks wait for it"); }

  bool is_set() const noexcept {
    const section inside(lock_);
    return set_;
  }
  /// Lets all that wait go on.
  void set() noexcept {
    section inside(lock_);
    set_ = true;
    grant_all(inside, waiting_);
  }
  void reset() noexcept {
    section inside(lock_);
    set_ = false;
  }

  /// A wait for an event.
  class [[nodiscard]] waiter final : public basic_wait<Reach, basic_event, waiter> {
   public:
    explicit waiter(basic_event& event) noexcept : basic_wait<Reach, basic_event, waiter>(event) {}
    ~waiter() { this->check_has_left(); }

    result<void> await_resume() noexcept { return this->outcome(); }

   private:
    template <class, class, class, class>
    friend class basic_wait;
    bool attempt(section&) noexcept { return this->of_.set_; }
    const char* name() const noexcept override { return "event"; }
  };

  /// Goes on when the event is set; at once when it is. Ends with `operation_canceled` when the
  /// task is asked to stop.
  waiter wait() noexcept { return waiter(*this); }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  wait_queue<typename Reach::wait> waiting_;
  bool set_ = false;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
using event = basic_event<one_loop>;
/// For the tasks of any loops, see `any_loop`; set from any thread.
using cross_event = basic_event<any_loop>;

}  // namespace gyre
