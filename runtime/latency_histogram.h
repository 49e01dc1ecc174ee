#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gyre {

/// How long things took: each power of two of nanoseconds is cut into 8 parts, so a quantile is at
/// most an eighth above the truth. What takes longer than 18 minutes counts as 18 minutes. Of a
/// fixed size, some 2.5 KB; recording allocates nothing. A value: copy it to take it to another
/// thread.
class latency_histogram {
 public:
  latency_histogram() noexcept {}

  /// Counts one that took `span`, and stands for `times` of its kind.
  void record(std::chrono::nanoseconds span, std::uint64_t times = 1) noexcept;
  /// Adds what `other` counted.
  void merge(const latency_histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  /// All of them together.
  std::chrono::nanoseconds sum() const noexcept { return std::chrono::nanoseconds(sum_); }
  /// The time that at least `share` of them, from 0 to 1, did not exceed; 0 where none was counted.
  std::chrono::nanoseconds quantile(double share) const noexcept;
  /// How many took less than `bound`: exact for powers of two (of nanoseconds), below else.
  std::uint64_t count_below(std::chrono::nanoseconds bound) const noexcept;

 private:
  static constexpr unsigned part_bits = 3;
  static constexpr std::uint64_t longest = (std::uint64_t{1} << 40) - 1;

  static constexpr std::size_t bucket_of(std::uint64_t value) noexcept;
  static constexpr std::uint64_t highest_in(std::size_t bucket) noexcept;

  std::array<std::uint64_t, (40 - part_bits + 1) << part_bits> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t sum_ = 0;
};

}  // namespace gyre
