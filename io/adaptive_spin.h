#pragma once

#include <algorithm>
#include <chrono>

#include "gyre/runtime/time.h"

namespace gyre {

/// Looks for completions before the thread goes to sleep, as long as that pays. Waking a core that
/// sleeps can take longer than all else together; looking costs CPU. Where looking has found
/// nothing for a while it is done ever less often, so that an idle loop uses no CPU.
class adaptive_spin {
 public:
  /// `span` 0 never looks.
  explicit adaptive_spin(std::chrono::nanoseconds span) noexcept : span_(span) {}

  bool enabled() const noexcept { return span_.count() > 0; }

  /// Whether to look this time.
  bool due() noexcept {
    if (to_skip_ == 0) return true;
    --to_skip_;
    return false;
  }

  /// Calls `look` until it says true, for the span and until `until` at most; whether it did.
  template <class Look>
  bool spin(steady_time until, Look look) noexcept {
    const steady_time end = std::min(until, std::chrono::steady_clock::now() + span_);
    // No pause instruction between the looks: under a hypervisor it can hand the core away, and
    // cost a round trip a tenth.
    do {
      for (int looks = 0; looks < 16; ++looks) {
        if (look()) {
          failures_ = 0;
          return true;
        }
      }
    } while (std::chrono::steady_clock::now() < end);
    if (failures_ < failures_max) ++failures_;
    to_skip_ = (1U << failures_) - 1;
    return false;
  }

  /// Calls `sleep`, which waits. When that was short, looking would have paid.
  template <class Sleep>
  void sleep(Sleep sleep) noexcept {
    if (!enabled()) return sleep();
    const auto start = std::chrono::steady_clock::now();
    sleep();
    if (std::chrono::steady_clock::now() - start < span_) to_skip_ = failures_ = 0;
  }

 private:
  static constexpr unsigned failures_max = 6;

  std::chrono::nanoseconds span_;
  unsigned to_skip_ = 0;
  unsigned failures_ = 0;
};

}  // namespace gyre
