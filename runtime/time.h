#pragma once

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace gyre {

/// A moment on the monotonic clock (CLOCK_MONOTONIC), in nanoseconds: deadlines are kept in it, so
/// that changes of the wall clock move none.
using steady_time = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// The end of time: a wait until then has no deadline.
inline constexpr steady_time never = steady_time::max();

/// `start + span` without overflow: too long a span is "never", a negative one is `start`.
inline steady_time saturating_add(steady_time start, std::chrono::nanoseconds span) noexcept {
  if (span.count() <= 0) return start;
  if (start > steady_time() && span > never - start) return never;
  return start + span;
}

/// Turns any duration into nanoseconds without overflow, rounded up: a timeout is never cut short.
template <class Rep, class Period>
std::chrono::nanoseconds saturating_nanoseconds(std::chrono::duration<Rep, Period> span) noexcept {
  using std::chrono::nanoseconds;
  if (!(span > span.zero())) return nanoseconds::zero();  // not a number is no time either
  using ratio = std::ratio_divide<Period, std::nano>;
  if constexpr (std::is_integral_v<Rep> && ratio::den == 1) {
    std::int64_t count = 0;
    const bool overflow = __builtin_mul_overflow(span.count(), ratio::num, &count);
    return overflow ? nanoseconds::max() : nanoseconds(count);
  } else {
    // In no narrower type, which may round up to more than there is.
    const std::chrono::duration<long double, std::nano> exact(span);
    if (exact >= nanoseconds::max()) return nanoseconds::max();
    return std::chrono::ceil<nanoseconds>(exact);
  }
}

}  // namespace gyre
