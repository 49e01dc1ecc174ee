#include "gyre/benchmarks/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace gyre::load {
namespace {

TEST(histogram, is_empty_at_first) {
  const histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.max(), 0u);
  EXPECT_EQ(h.mean(), 0);
  EXPECT_EQ(h.at(0.99), 0u);
}

TEST(histogram, is_exact_for_small_values) {
  histogram h;
  for (std::uint64_t i = 1; i <= 200; i++) h.record(i);
  EXPECT_EQ(h.at(0), 1u);
  EXPECT_EQ(h.at(0.005), 1u);
  EXPECT_EQ(h.at(0.5), 100u);
  EXPECT_EQ(h.at(0.99), 198u);
  EXPECT_EQ(h.at(1), 200u);
  EXPECT_DOUBLE_EQ(h.mean(), 100.5);
}

TEST(histogram, never_understates_a_quantile_and_overstates_it_by_less_than_one_percent) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> values;
  histogram h;
  for (int i = 0; i < 100'000; i++) {
    const std::uint64_t value = random() >> (random() % 60);
    values.push_back(value);
    h.record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(values.size()));
    const std::uint64_t exact = values[rank - 1];
    EXPECT_GE(h.at(quantile), exact);
    EXPECT_LE(static_cast<double>(h.at(quantile)), static_cast<double>(exact) * 1.01);
  }
}

TEST(histogram, takes_any_value) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  histogram h;
  h.record(0);
  h.record(most);
  EXPECT_EQ(h.at(0.5), 0u);
  EXPECT_EQ(h.at(1), most);
  EXPECT_EQ(h.max(), most);
}

TEST(histogram, keeps_neighbouring_buckets_apart) {
  for (unsigned bit = 8; bit < 63; bit++) {
    const std::uint64_t start = std::uint64_t{1} << bit;
    histogram h;
    h.record(start - 1);
    h.record(start);
    EXPECT_EQ(h.at(0.5), start - 1) << "at bit " << bit;
    EXPECT_EQ(h.at(1), start) << "at bit " << bit;
  }
}

TEST(histogram, reports_at_most_the_largest_value) {
  histogram h;
  h.record(1'000'001);
  EXPECT_EQ(h.at(0.5), 1'000'001u);
}

}  // namespace
}  // namespace gyre::load
