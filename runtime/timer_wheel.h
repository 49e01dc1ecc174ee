#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gyre/runtime/check.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// A deadline in a wheel. Intrusive: arming and disarming allocate nothing and take constant time.
/// Must be disarmed, or have fired, before it is destroyed.
class timer {
 public:
  timer() noexcept = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;

  bool armed() const noexcept { return link_ != nullptr; }

 protected:
  ~timer() { check(!armed(), "a task was destroyed while it waited: stop it and await its end"); }
  /// Called once when the deadline has passed; the timer is no longer armed. May arm and disarm
  /// any timer.
  virtual void fired() noexcept = 0;

 private:
  friend class timer_wheel;
  timer* next_ = nullptr;
  timer** link_ = nullptr;  // what points to this timer
  std::uint64_t tick_ = 0;
};

/// All deadlines of a loop: a hierarchical wheel of 8 levels with 64 slots each over ticks of
/// 2^16 ns (66 us). A timer never fires early, and at most one tick late by the wheel's doing.
class timer_wheel {
 public:
  explicit timer_wheel(steady_time start) noexcept;
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  /// `deadline` may lie in the past: the timer then fires at the next `advance`, or within a tick
  /// where it is less than one old. `never` is far enough to be never.
  void arm(timer& timer, steady_time deadline) noexcept;
  void disarm(timer& timer) noexcept;

  /// Fires what is due at `now`, at most `most` timers; returns how many fired. Time that goes
  /// backwards is ignored.
  std::size_t advance(steady_time now, std::size_t most) noexcept;

  /// When `advance` has something to do next: never later than the earliest deadline, sometimes
  /// earlier (when timers must move to a finer level). `never` when no timer is armed.
  steady_time next() const noexcept;

  bool empty() const noexcept { return armed_ == 0; }
  std::size_t size() const noexcept { return armed_; }

 private:
  static constexpr int slot_bits = 6;
  static constexpr int slots = 1 << slot_bits;
  static constexpr int levels = 8;

  struct level {
    std::uint64_t occupied = 0;  // a bit a slot
    std::array<timer*, slots> slot{};
  };
  struct position {
    int level;
    int slot;
  };

  position position_of(std::uint64_t tick) const noexcept;
  void link(timer& timer, position at) noexcept;
  void unlink(timer& timer) noexcept;
  bool next_occupied(position& at, std::uint64_t& tick) const noexcept;

  std::array<level, levels> level_;
  std::uint64_t now_ = 0;  // the tick up to which everything has fired
  std::size_t armed_ = 0;
};

}  // namespace gyre
