#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gyre/runtime/latency_histogram.h"

namespace gyre {

class operation;
class operation_kind;

/// What became of all operations of a kind on one loop. Each is counted; how long they took is
/// measured of the first hundred or so, then of fewer and fewer, at last of one in 128, at random.
/// One that is measured stands in the histograms for those since the last that was, so their counts
/// are those of all.
class operation_metrics {
 public:
  explicit operation_metrics(const operation_kind& kind) noexcept : kind_(&kind) {}

  const operation_kind& kind() const noexcept { return *kind_; }
  /// How many were handed to the backend; the parts of a link count each.
  std::uint64_t started() const noexcept { return drawn_ + (gap_ - left_); }
  /// How many ended with an error, cancelled ones excepted.
  std::uint64_t failed() const noexcept { return failed_; }
  /// How many ended with ECANCELED.
  std::uint64_t cancelled() const noexcept { return cancelled_; }
  /// From being handed to the backend until the loop learnt of their end, by the loop's clock.
  const latency_histogram& latency() const noexcept { return latency_; }
  /// From there until the coroutine that awaits them ran on. Those that ended at once, and parts of
  /// a link, whose coroutine waits for all of it, are not among them.
  const latency_histogram& resumption() const noexcept { return resumption_; }

  /// Adds what `other`, of the same kind on another loop, counted.
  void merge(const operation_metrics& other) noexcept;

 private:
  friend class loop_metrics;
  friend class operation;

  /// Counts one more; true when it is to be measured.
  bool count() noexcept { return --left_ == 0; }
  /// For how many the one that is measured stands; `random` decides which is the next.
  std::uint32_t draw(std::uint32_t random) noexcept;
  void ended_with(int error) noexcept;

  const operation_kind* kind_;
  std::uint32_t left_ = 1;  // until one is measured
  std::uint32_t gap_ = 1;   // of how many that is one
  std::uint64_t drawn_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t cancelled_ = 0;
  latency_histogram latency_;
  latency_histogram resumption_;
};

/// What became of the operations of a loop, kind by kind; see `loop::metrics`. Used by the loop's
/// thread: others are given a copy (`all`).
class loop_metrics {
 public:
  loop_metrics() noexcept {}
  loop_metrics(const loop_metrics&) = delete;
  loop_metrics& operator=(const loop_metrics&) = delete;
  ~loop_metrics();

  /// Of each kind that was used, by name. Allocates.
  std::vector<operation_metrics> all() const;
  /// Of one kind; null where none was started, or where there was no memory to count it.
  const operation_metrics* find(const operation_kind& kind) const noexcept;
  /// A line for each kind, which ends with a newline.
  std::string text() const;

  /// Ends counting and measuring, or goes on with it: for showing what it costs.
  void measure(bool on) noexcept {
    measuring_ = on;
    at_place_.fill(nullptr);
  }

 private:
  friend class operation;
  static constexpr std::size_t entries = 256;

  // Kinds mostly lie one behind the other in memory.
  static std::size_t entry_of(const operation_kind& kind) noexcept {
    return reinterpret_cast<std::uintptr_t>(&kind) / 32 % entries;
  }
  operation_metrics* of(const operation_kind& kind) noexcept {
    const std::size_t place = entry_of(kind);
    if (at_place_[place] == &kind) [[likely]]
      return table_[place];
    return look_further(kind);
  }
  operation_metrics* look_further(const operation_kind& kind) noexcept;
  std::uint32_t random() noexcept;

  std::array<operation_metrics*, entries> table_{};
  // Of what in the table is where it is looked for first, and is to be found.
  std::array<const operation_kind*, entries> at_place_{};
  std::size_t size_ = 0;
  std::uint32_t seed_ = 0x9e3779b9;
  bool measuring_ = true;
};

/// A line for each of `metrics`, which ends with a newline.
std::string text_of(const std::vector<operation_metrics>& metrics);

}  // namespace gyre
