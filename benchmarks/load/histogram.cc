#include "gyre/benchmarks/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace gyre::load {

histogram::histogram() : buckets_(bucket_of(std::numeric_limits<std::uint64_t>::max()) + 1) {}

std::size_t histogram::bucket_of(std::uint64_t value) {
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width <= precision_bits + 1 ? 0 : width - precision_bits - 1;
  return (std::size_t{shift} << precision_bits) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t histogram::highest_in(std::size_t bucket) {
  constexpr std::size_t exact = std::size_t{2} << precision_bits;
  if (bucket < exact) return bucket;
  const std::size_t shift = (bucket >> precision_bits) - 1;
  const std::uint64_t lowest = (bucket - (shift << precision_bits)) << shift;
  return lowest + ((std::uint64_t{1} << shift) - 1);
}

double histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t histogram::at(double quantile) const {
  if (count_ == 0) return 0;
  const double rank = std::ceil(quantile * static_cast<double>(count_));
  const auto wanted = std::clamp(static_cast<std::uint64_t>(rank), std::uint64_t{1}, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); i++) {
    seen += buckets_[i];
    if (seen >= wanted) return std::min(highest_in(i), max_);
  }
  return max_;
}

}  // namespace gyre::load
