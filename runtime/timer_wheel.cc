#include "gyre/runtime/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "gyre/runtime/check.h"

namespace gyre {
namespace {

constexpr int tick_shift = 16;

std::uint64_t nanoseconds_of(steady_time time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

std::uint64_t tick_before(steady_time time) noexcept {
  return nanoseconds_of(time) >> tick_shift;
}

std::uint64_t tick_after(steady_time time) noexcept {
  const std::uint64_t ns = nanoseconds_of(time);
  return (ns >> tick_shift) + ((ns & ((1U << tick_shift) - 1)) != 0);
}

}  // namespace

timer_wheel::timer_wheel(steady_time start) noexcept : now_(tick_before(start)) {}

timer_wheel::position timer_wheel::position_of(std::uint64_t tick) const noexcept {
  if (tick <= now_) return {0, static_cast<int>(now_ % slots)};
  const int top_bit = 63 - std::countl_zero(tick ^ now_);
  const int at = std::min(top_bit / slot_bits, levels - 1);
  return {at, static_cast<int>((tick >> (at * slot_bits)) % slots)};
}

void timer_wheel::link(timer& timer, position at) noexcept {
  level& level = level_[static_cast<std::size_t>(at.level)];
  class timer*& head = level.slot[static_cast<std::size_t>(at.slot)];
  timer.next_ = head;
  timer.link_ = &head;
  if (head) head->link_ = &timer.next_;
  head = &timer;
  level.occupied |= std::uint64_t{1} << at.slot;
}

void timer_wheel::unlink(timer& timer) noexcept {
  *timer.link_ = timer.next_;
  if (timer.next_) timer.next_->link_ = timer.link_;
  timer.next_ = nullptr;
  timer.link_ = nullptr;
}

void timer_wheel::arm(timer& timer, steady_time deadline) noexcept {
  check(!timer.armed(), "a timer was armed twice: disarm it first");
  timer.tick_ = tick_after(deadline);
  link(timer, position_of(timer.tick_));
  ++armed_;
}

// An emptied slot keeps its bit until `advance` comes by: disarming need not find its level.
void timer_wheel::disarm(timer& timer) noexcept {
  if (!timer.armed()) return;
  unlink(timer);
  --armed_;
}

bool timer_wheel::next_occupied(position& at, std::uint64_t& tick) const noexcept {
  for (int l = 0; l < levels; ++l) {
    const std::uint64_t occupied = level_[static_cast<std::size_t>(l)].occupied;
    if (!occupied) continue;
    const std::uint64_t base = now_ >> (l * slot_bits);
    const int ahead = std::countr_zero(std::rotr(occupied, static_cast<int>(base % slots)));
    at = {l, static_cast<int>((base + static_cast<unsigned>(ahead)) % slots)};
    tick = (base + static_cast<unsigned>(ahead)) << (l * slot_bits);
    return true;
  }
  return false;
}

std::size_t timer_wheel::advance(steady_time now, std::size_t most) noexcept {
  const std::uint64_t target = tick_before(now);
  std::size_t count = 0;
  position at{};
  std::uint64_t tick = 0;
  while (next_occupied(at, tick) && tick <= target) {
    now_ = std::max(now_, tick);
    level& level = level_[static_cast<std::size_t>(at.level)];
    timer*& head = level.slot[static_cast<std::size_t>(at.slot)];
    if (!head) {
      level.occupied &= ~(std::uint64_t{1} << at.slot);
    } else if (at.level > 0) {
      level.occupied &= ~(std::uint64_t{1} << at.slot);
      while (timer* moved = head) {
        unlink(*moved);
        link(*moved, position_of(moved->tick_));
      }
    } else {
      if (count == most) return count;
      timer& due = *head;
      unlink(due);
      --armed_;
      ++count;
      due.fired();
    }
  }
  now_ = std::max(now_, target);
  return count;
}

steady_time timer_wheel::next() const noexcept {
  position at{};
  std::uint64_t tick = 0;
  if (armed_ == 0 || !next_occupied(at, tick)) return never;
  const std::uint64_t last = nanoseconds_of(never) >> tick_shift;
  return tick >= last
             ? never
             : steady_time(std::chrono::nanoseconds(static_cast<std::int64_t>(tick << tick_shift)));
}

}  // namespace gyre
