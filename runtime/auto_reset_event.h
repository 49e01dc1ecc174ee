#pragma once

#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Lets one task go on for each time that it is set, the one that has waited longest; setting it
/// several times while nobody waits counts as once. (`event` lets all go on.) Must outlive its
/// waiters. To be used as `auto_reset_event` or `cross_auto_reset_event`.
template <class Reach>
class basic_auto_reset_event {
  using section = typename Reach::section;

 public:
  basic_auto_reset_event() noexcept = default;
  basic_auto_reset_event(const basic_auto_reset_event&) = delete;
  basic_auto_reset_event& operator=(const basic_auto_reset_event&) = delete;
  ~basic_auto_reset_event() {
    check(waiting_.empty(), "an auto_reset_event was destroyed while tasks wait for it");
  }

  /// Lets one that waits go on, or the next that will wait.
  void set() noexcept {
    section inside(lock_);
    if (waiting_.empty())
      set_ = true;
    else
      inside.grant(waiting_.first());
  }
  void reset() noexcept {
    section inside(lock_);
    set_ = false;
  }
  /// True while it is set and nobody has taken that.
  bool is_set() const noexcept {
    const section inside(lock_);
    return set_;
  }

  /// A wait for an auto_reset_event.
  class [[nodiscard]] waiter final : public basic_wait<Reach, basic_auto_reset_event, waiter> {
   public:
    explicit waiter(basic_auto_reset_event& event) noexcept
        : basic_wait<Reach, basic_auto_reset_event, waiter>(event) {}
    ~waiter() { this->check_has_left(); }

    result<void> await_resume() noexcept { return this->outcome(); }

   private:
    template <class, class, class, class>
    friend class basic_wait;
    bool attempt(section&) noexcept { return std::exchange(this->of_.set_, false); }
    const char* name() const noexcept override { return "auto_reset_event"; }
  };

  /// Goes on when the event is set, and resets it. Ends with `operation_canceled` when the task is
  /// asked to stop first; then the event stays as it is, for the next.
  waiter wait() noexcept { return waiter(*this); }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  wait_queue<typename Reach::wait> waiting_;
  bool set_ = false;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
using auto_reset_event = basic_auto_reset_event<one_loop>;
/// For the tasks of any loops, see `any_loop`; set from any thread.
using cross_auto_reset_event = basic_auto_reset_event<any_loop>;

}  // namespace gyre
