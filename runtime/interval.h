#pragma once

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// What an `interval` does about ticks that came due while nobody awaited them. With a period of 1
/// s, and after a tick due at 1 s whose work took until 4.3 s:
enum class missed_ticks {
  burst,  ///< makes up for all, one after the other without a pause: at 4.3, 4.3, 4.3, 5, 6 s
  delay,  ///< goes on from when it is awaited, a period apart from there: at 4.3, 5.3, 6.3 s
  skip,   ///< leaves them out, but for one, and keeps to its beat: at 4.3, 5, 6 s
};

/// Ticks that are a period apart, on the loop's clock: they are due by the beat of the first one,
/// not a period after the work of the last, so they do not drift.
///
///     gyre::interval every(10s);
///     while (co_await every.tick()) report();
///
/// For one task of one loop at a time.
class interval {
 public:
  class tick_wait;

  /// The first tick is due now, on the loop of this thread. Throws `std::invalid_argument`, which
  /// names the value, where `period` is not positive; one that is too long means never.
  template <class Rep, class Period>
  explicit interval(std::chrono::duration<Rep, Period> period,
                    missed_ticks policy = missed_ticks::burst)
      : interval(loop::current().now(), period, policy) {}
  /// The first tick is due at `first`, which may have passed.
  template <class Rep, class Period>
  interval(steady_time first, std::chrono::duration<Rep, Period> period,
           missed_ticks policy = missed_ticks::burst)
      : next_(first), period_(saturating_nanoseconds(period)), policy_(policy) {
    if (period_.count() > 0) return;
    throw std::invalid_argument("the period of an interval is " +
                                std::to_string(std::chrono::duration<double>(period).count()) +
                                " s: expected more than none");
  }

  /// Waits until the next tick is due, and gives when that was. `operation_canceled` when the task
  /// is asked to stop; a wait that was stopped, or that ran out of time, takes no tick away.
  tick_wait tick() noexcept;

  /// When the next tick is due.
  steady_time next() const noexcept { return next_; }
  std::chrono::nanoseconds period() const noexcept { return period_; }

  /// The next tick is due a period from now, and those after it by its beat.
  void reset() noexcept { reset_at(saturating_add(loop::current().now(), period_)); }
  /// The next tick is due at `next`, and those after it by its beat.
  void reset_at(steady_time next) noexcept { next_ = next; }

 private:
  /// As late as this the loop may be by itself.
  static constexpr std::chrono::nanoseconds punctual = std::chrono::milliseconds(1);

  /// Takes the tick that is due.
  steady_time take(steady_time now) noexcept {
    const steady_time due = next_;
    const auto period = static_cast<std::uint64_t>(period_.count());
    const std::uint64_t late = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                               static_cast<std::uint64_t>(due.time_since_epoch().count());
    steady_time from = due;
    if (policy_ == missed_ticks::skip)
      from = now - std::chrono::nanoseconds(late % period);
    else if (policy_ == missed_ticks::delay &&
             late > static_cast<std::uint64_t>(std::min(punctual, period_).count()))
      from = now;
    next_ = saturating_add(from, period_);
    return due;
  }

  steady_time next_;
  std::chrono::nanoseconds period_;
  missed_ticks policy_;
};

/// The wait of `tick`.
class [[nodiscard]] interval::tick_wait {
 public:
  explicit tick_wait(interval& ticks) noexcept : ticks_(ticks), wait_(ticks.next_) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    home_ = &awaiting.promise().chain().home();
    return wait_.await_suspend(awaiting, at);
  }
  result<steady_time> await_resume() noexcept {
    if (const auto waited = wait_.await_resume(); !waited) return waited.error();
    return ticks_.take(home_->now());
  }

 private:
  interval& ticks_;
  sleep wait_;
  loop* home_ = nullptr;
};

inline interval::tick_wait interval::tick() noexcept {
  return tick_wait(*this);
}

}  // namespace gyre
