#include "gyre/runtime/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace gyre {

// The leading bit and those after it, in order of size: below 16 each number is a bucket.
constexpr std::size_t latency_histogram::bucket_of(std::uint64_t value) noexcept {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width <= part_bits + 1 ? 0 : width - part_bits - 1;
  return (std::size_t{shift} << part_bits) + static_cast<std::size_t>(value >> shift);
}

constexpr std::uint64_t latency_histogram::highest_in(std::size_t bucket) noexcept {
  constexpr std::size_t exact = std::size_t{2} << part_bits;
  if (bucket < exact) return bucket;
  const std::size_t shift = (bucket >> part_bits) - 1;
  const std::uint64_t lowest = (bucket - (shift << part_bits)) << shift;
  return lowest + ((std::uint64_t{1} << shift) - 1);
}

void latency_histogram::record(std::chrono::nanoseconds span, std::uint64_t times) noexcept {
  static_assert(bucket_of(longest) + 1 == std::tuple_size_v<decltype(buckets_)>);
  const auto value = std::min(static_cast<std::uint64_t>(std::max(span.count(), {})), longest);
  buckets_[bucket_of(value)] += times;
  count_ += times;
  sum_ += static_cast<std::int64_t>(value * times);
}

void latency_histogram::merge(const latency_histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

std::chrono::nanoseconds latency_histogram::quantile(double share) const noexcept {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const double rank = std::ceil(share * static_cast<double>(count_));
  const auto wanted =
      std::clamp(static_cast<std::uint64_t>(std::max(rank, 1.0)), std::uint64_t{1}, count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += buckets_[bucket]) < wanted) ++bucket;
  return std::chrono::nanoseconds(highest_in(bucket));
}

std::uint64_t latency_histogram::count_below(std::chrono::nanoseconds bound) const noexcept {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    if (highest_in(i) >= static_cast<std::uint64_t>(std::max(bound.count(), {}))) break;
    seen += buckets_[i];
  }
  return seen;
}

}  // namespace gyre
