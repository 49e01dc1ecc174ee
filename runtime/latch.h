#pragma once

#include <cstddef>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Opens when it was counted down to zero, once and for ever: waits until several things are done.
/// Must outlive its waiters. To be used as `latch` or `cross_latch`.
template <class Reach>
class basic_latch {
  using section = typename Reach::section;

 public:
  explicit basic_latch(std::size_t count) noexcept : left_(count) {}
  basic_latch(const basic_latch&) = delete;
  basic_latch& operator=(const basic_latch&) = delete;
  ~basic_latch() { check(waiting_.empty(), "a latch was destroyed while tasks wait for it"); }

  /// Takes `count` from what is left, which must be as much. At zero all that wait go on.
  void count_down(std::size_t count = 1) noexcept {
    section inside(lock_);
    check(count <= left_, "a latch was counted down below zero");
    left_ -= count;
    if (left_ == 0) grant_all(inside, waiting_);
  }
  /// What is left to be counted down.
  std::size_t left() const noexcept {
    const section inside(lock_);
    return left_;
  }
  bool is_open() const noexcept { return left() == 0; }

  /// A wait for a latch.
  class [[nodiscard]] waiter final : public basic_wait<Reach, basic_latch, waiter> {
   public:
    explicit waiter(basic_latch& latch) noexcept : basic_wait<Reach, basic_latch, waiter>(latch) {}
    ~waiter() { this->check_has_left(); }

    result<void> await_resume() noexcept { return this->outcome(); }

   private:
    template <class, class, class, class>
    friend class basic_wait;
    bool attempt(section&) noexcept { return this->of_.left_ == 0; }
    const char* name() const noexcept override { return "latch"; }
  };

  /// Goes on when the latch is open; at once when it is. Ends with `operation_canceled` when the
  /// task is asked to stop first.
  waiter wait() noexcept { return waiter(*this); }

  /// Counts down, then waits. A stop ends the wait; what was counted down stays so.
  waiter arrive_and_wait(std::size_t count = 1) noexcept {
    count_down(count);
    return wait();
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  wait_queue<typename Reach::wait> waiting_;
  std::size_t left_;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
using latch = basic_latch<one_loop>;
/// For the tasks of any loops, see `any_loop`; counted down from any thread.
using cross_latch = basic_latch<any_loop>;

}  // namespace gyre
