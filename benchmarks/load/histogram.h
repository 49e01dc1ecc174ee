// A histogram of latencies with a bounded relative error, after Gil Tene's HdrHistogram.
//
// Values below 256 have a bucket each; above, every power of two is cut into 128 buckets of equal
// width, so a reported value is at most 1/128 (0.8 %) above the true one. The whole range of 64
// bits is covered: no value is clamped. Recording is a shift and an increment.
#ifndef GYRE_BENCHMARKS_LOAD_HISTOGRAM_H_
#define GYRE_BENCHMARKS_LOAD_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gyre::load {

class histogram {
 public:
  histogram();

  void record(std::uint64_t value) {
    buckets_[bucket_of(value)]++;
    count_++;
    sum_ += value;
    if (value > max_) max_ = value;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }

  // 0 when nothing was recorded.
  double mean() const;

  // The least value that at least the share `quantile` of all values doesn't exceed, rounded up
  // to the end of its bucket. 0 when nothing was recorded.
  std::uint64_t at(double quantile) const;

 private:
  static constexpr unsigned precision_bits = 7;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t highest_in(std::size_t bucket);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_HISTOGRAM_H_
