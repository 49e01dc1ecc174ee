#pragma once

#include <cstddef>

#include "gyre/runtime/check.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Where a number of tasks wait for each other, again and again: when as many have arrived as take
/// part, all go on. Must outlive its waiters. To be used as `barrier` or `cross_barrier`.
template <class Reach>
class basic_barrier {
  using section = typename Reach::section;

 public:
  /// `parties` tasks take part, at least one.
  explicit basic_barrier(std::size_t parties) noexcept : parties_(parties) {
    check(parties > 0, "a barrier was made for no task: it takes one at least");
  }
  basic_barrier(const basic_barrier&) = delete;
  basic_barrier& operator=(const basic_barrier&) = delete;
  ~basic_barrier() { check(waiting_.empty(), "a barrier was destroyed while tasks wait at it"); }

  /// How many take part, and how many of them wait now.
  std::size_t parties() const noexcept {
    const section inside(lock_);
    return parties_;
  }
  std::size_t arrived() const noexcept {
    const section inside(lock_);
    return arrived_;
  }

  /// A wait for the others.
  class [[nodiscard]] waiter final : public basic_wait<Reach, basic_barrier, waiter> {
   public:
    explicit waiter(basic_barrier& barrier) noexcept
        : basic_wait<Reach, basic_barrier, waiter>(barrier) {}
    ~waiter() { this->check_has_left(); }

    result<void> await_resume() noexcept { return this->outcome(); }

   private:
    template <class, class, class, class>
    friend class basic_wait;
    bool attempt(section& inside) noexcept { return this->of_.arrive_last(inside); }
    void queued() noexcept { ++this->of_.arrived_; }
    void left(section&) noexcept { --this->of_.arrived_; }
    const char* name() const noexcept override { return "barrier"; }
  };

  /// Arrives, and goes on when all have; the last of them at once. A stop of the task takes the
  /// arrival back and ends the wait with `operation_canceled`: the others go on waiting, for
  /// another who arrives, or for `leave`. Not so when all had arrived before the stop.
  waiter arrive_and_wait() noexcept { return waiter(*this); }

  /// One takes part no longer, who must not be waiting: now and in later rounds, one fewer is
  /// waited for.
  void leave() noexcept {
    section inside(lock_);
    check(arrived_ < parties_, "more tasks left a barrier than take part");
    --parties_;
    if (parties_ > 0 && arrived_ == parties_) open(inside);
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  bool arrive_last(section& inside) noexcept {
    check(arrived_ < parties_, "a task arrived at a barrier that all have left");
    if (arrived_ + 1 < parties_) return false;
    open(inside);
    return true;
  }
  void open(section& inside) noexcept {
    arrived_ = 0;
    grant_all(inside, waiting_);
  }

  wait_queue<typename Reach::wait> waiting_;
  std::size_t parties_;
  std::size_t arrived_ = 0;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
using barrier = basic_barrier<one_loop>;
/// For the tasks of any loops, see `any_loop`.
using cross_barrier = basic_barrier<any_loop>;

}  // namespace gyre
