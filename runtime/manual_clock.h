#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <span>

#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// For tests: another backend, under a clock that stands still while there is anything to do, and
/// jumps to the next deadline when all tasks wait. A `sleep_for(24h)` takes microseconds then, and
/// a timeout never comes early because the machine is slow. `run_options::manual_clock` makes a
/// loop with one; else hand it to a loop of your own.
///
/// Disks, locks and name servers take no time: what may wait for them is done at once, by the
/// loop's thread. What waits for a descriptor gets `grace` of real time before each jump; that is
/// plenty for what other tasks of the loop send, but not for other threads and processes: what they
/// do takes however long it takes by this clock.
///
/// When all tasks wait, no timer is armed, nothing is in flight, and no other thread wakes the loop
/// for `patience` of real time, they wait for ever: that ends the process with a sentence, and says
/// what each of them waits for.
class manual_clock final : public backend_wrapper {
 public:
  explicit manual_clock(std::unique_ptr<backend> kernel) noexcept;

  static constexpr std::chrono::milliseconds grace{1};
  static constexpr std::chrono::seconds patience{5};

  steady_time now() const noexcept override { return now_; }
  steady_time coarse_now() const noexcept override { return now_; }
  /// Puts the clock forward, beside its own jumps; timers that are due fire at the loop's next
  /// turn.
  void advance(std::chrono::nanoseconds span) noexcept { now_ = saturating_add(now_, span); }

  bool submit(operation& operation) noexcept override;
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override;
  void poll(steady_time until) noexcept override;
  bool looks() const noexcept override { return false; }
  void wake() noexcept override;
  void attach(loop& home) override;
  /// What is in a table of the kernel's could not be done by the loop's thread.
  int take_direct_slot() noexcept override { return -1; }

 private:
  bool in_flight() const noexcept { return counters().submitted != counters().completed; }
  [[noreturn]] void report_end() const;
  bool anything_within(std::chrono::nanoseconds span) noexcept;

  steady_time now_;
  loop* home_ = nullptr;
  std::atomic<bool> woken_ = false;
};

}  // namespace gyre
