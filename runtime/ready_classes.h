#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "gyre/runtime/latency_histogram.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/ready_queue.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// The ready coroutines of a loop by latency class, and whose turn it is: of the class whose
/// virtual time is least. That is the time that it ran, divided by its shares; a class that becomes
/// ready is put forward to where the others are, so that nobody is owed for having waited for
/// something else (start-time fair queueing). For the loop and `latency_class`.
class ready_classes {
 public:
  using index = std::uint8_t;
  static constexpr std::size_t most = 32;
  static constexpr unsigned default_shares = 100;

  /// One class.
  class entry {
   public:
    entry(std::string name, unsigned shares) noexcept : name(std::move(name)) { share_by(shares); }
    void share_by(unsigned count) noexcept {
      shares = count;
      per_share = 1.0 / count;
    }

    std::string name;
    unsigned shares = 0;
    double per_share = 0;
    double virtual_time = 0;
    ready_queue queue;
    steady_time ready_since;  ///< or since it ran last
    bool just_ready = false;  ///< it was not when somebody ran last
    std::size_t members = 0;  ///< chains that have begun and not ended; not of the default class
    std::uint64_t resumed = 0;
    std::chrono::nanoseconds time_run{0};
    latency_histogram delays;
  };

  ready_classes() { entries_[0] = std::make_unique<entry>("default", default_shares); }

  /// Its index, or 0 where there are too many.
  index add(std::string name, unsigned shares) {
    const auto free = std::ranges::find_if(entries_, [](const auto& each) { return !each; });
    if (free == entries_.end()) return 0;
    *free = std::make_unique<entry>(std::move(name), shares);
    return static_cast<index>(free - entries_.begin());
  }
  /// It must have no members.
  void remove(index which) noexcept { entries_[which] = nullptr; }
  entry& of(index which) const noexcept { return *entries_[which]; }

  /// Calls `function(entry)` for each, the default one first.
  template <class Function>
  void for_each(Function function) const {
    for (const auto& each : entries_)
      if (each) function(*each);
  }
  /// Calls `function(node)` for each coroutine that is ready.
  template <class Function>
  void for_each_ready(Function function) const {
    for_each([&](const entry& each) { each.queue.for_each(function); });
  }

  void enter(index which) noexcept {
    if (which != 0) ++entries_[which]->members;
  }
  /// The class of what runs, which has one member more.
  index enter_running() noexcept {
    enter(running_);
    return running_;
  }
  void leave(index which) noexcept {
    if (which != 0) --entries_[which]->members;
  }

  void set_quantum(std::chrono::nanoseconds quantum) noexcept { quantum_ = quantum; }
  std::chrono::nanoseconds quantum() const noexcept { return quantum_; }

  bool any_ready() const noexcept { return ready_ != 0; }

  /// Moves all of `arrived`, in their order, to the queues of their classes.
  void sort_in(ready_queue& arrived, steady_time now) noexcept {
    while (!arrived.empty()) {
      ready_node& node = arrived.pop();
      const index which = static_cast<promise_base&>(node).chain().class_index();
      entry& its = *entries_[which];
      if (its.queue.empty()) become_ready(its, which, now);
      its.queue.push(node);
    }
  }

  /// The one to be resumed; there must be one. Among those that are level the one after the last.
  promise_base& take_next(steady_time now) noexcept {
    const unsigned after = last_ + 1U;
    index next = nobody;
    for (std::uint32_t left = std::rotr(ready_, static_cast<int>(after)); left; left &= left - 1) {
      const auto each = static_cast<index>((std::countr_zero(left) + after) % most);
      if (next == nobody || entries_[each]->virtual_time < entries_[next]->virtual_time)
        next = each;
    }
    entry& its = *entries_[next];
    if (its.just_ready || next != last_) its.delays.record(now - its.ready_since);
    its.just_ready = false;
    alone_ = ready_ == bit_of(next);
    virtual_now_ = its.virtual_time;
    running_ = last_ = ran_ = next;
    ready_node& node = its.queue.pop();
    if (its.queue.empty()) ready_ &= ~bit_of(next);
    return static_cast<promise_base&>(node);
  }

  /// What was taken ran for `span`. Where no other class was ready, that was time that none lacks.
  void ran(std::chrono::nanoseconds span, steady_time now) noexcept {
    entry* its = entries_[running_].get();
    if (!its) return;
    ++its->resumed;
    its->time_run += span;
    its->virtual_time +=
        static_cast<double>(std::max<std::int64_t>(span.count(), 1)) * its->per_share;
    its->ready_since = now;
    if (alone_) virtual_now_ = its->virtual_time;
    virtual_latest_ = std::max(virtual_latest_, its->virtual_time);
  }
  /// The turn is over. Once none is ready there is time for all: they begin anew, on a level.
  void nobody_runs() noexcept {
    running_ = 0;
    ran_ = nobody;
    if (!any_ready()) virtual_now_ = virtual_latest_;
  }

 private:
  static constexpr index nobody = most;
  static constexpr std::uint32_t bit_of(index which) noexcept { return std::uint32_t{1} << which; }

  void become_ready(entry& its, index which, steady_time now) noexcept {
    ready_ |= bit_of(which);
    if (which == ran_) return;  // it has come back from where it was
    its.virtual_time = std::max(its.virtual_time, virtual_now_);
    its.ready_since = now;
    its.just_ready = true;
  }

  std::array<std::unique_ptr<entry>, most> entries_;
  std::uint32_t ready_ = 0;  // a bit for each whose queue isn't empty
  index running_ = 0;        // the default class between turns: what begins there belongs to it
  index ran_ = nobody;       // the same, but nobody
  index last_ = 0;
  bool alone_ = false;         // nobody else was ready when it began to run
  double virtual_now_ = 0;     // of what runs, when it began to
  double virtual_latest_ = 0;  // the greatest that there has been
  std::chrono::nanoseconds quantum_ = std::chrono::microseconds(500);
};

}  // namespace gyre
