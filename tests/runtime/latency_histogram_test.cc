#include "gyre/runtime/latency_histogram.h"

#include <gtest/gtest.h>

#include <chrono>

namespace gyre {
namespace {

using namespace std::chrono_literals;

TEST(latency_histogram, without_values_says_0) {
  const latency_histogram times;
  EXPECT_EQ(times.count(), 0U);
  EXPECT_EQ(times.sum(), 0ns);
  EXPECT_EQ(times.quantile(0.5), 0ns);
  EXPECT_EQ(times.count_below(1h), 0U);
}

TEST(latency_histogram, is_exact_below_16_ns) {
  latency_histogram times;
  for (int i = 0; i < 16; ++i) times.record(std::chrono::nanoseconds(i));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(times.quantile((i + 1) / 16.0).count(), i);
}

TEST(latency_histogram, is_at_most_an_eighth_too_high_above) {
  for (std::int64_t value = 16; value < 1'000'000'000'000; value += 1 + value / 7) {
    latency_histogram times;
    times.record(std::chrono::nanoseconds(value));
    const auto said = times.quantile(1).count();
    EXPECT_GE(said, value);
    EXPECT_LE(said, value + value / 8);
    EXPECT_EQ(times.sum().count(), value);
  }
}

TEST(latency_histogram, takes_times_that_no_operation_takes) {
  latency_histogram times;
  times.record(-5s);
  times.record(10h);
  times.record(std::chrono::nanoseconds::max());
  EXPECT_EQ(times.quantile(0), 0ns);
  EXPECT_EQ(times.quantile(1).count(), (1LL << 40) - 1);
  EXPECT_EQ(times.count(), 3U);
}

TEST(latency_histogram, counts_what_stands_for_others_as_many_times) {
  latency_histogram times;
  times.record(100ns);
  times.record(5us, 99);
  EXPECT_EQ(times.count(), 100U);
  EXPECT_EQ(times.sum(), 100ns + 99 * 5us);
  EXPECT_LT(times.quantile(0.01), 200ns);
  EXPECT_GE(times.quantile(0.02), 5us);
}

TEST(latency_histogram, counts_exactly_below_powers_of_two) {
  latency_histogram times;
  for (int power = 0; power < 40; ++power) {
    times.record(std::chrono::nanoseconds((1LL << power) - 1));
    EXPECT_EQ(times.count_below(std::chrono::nanoseconds(1LL << power)), times.count());
    times.record(std::chrono::nanoseconds(1LL << power));
    EXPECT_EQ(times.count_below(std::chrono::nanoseconds(1LL << power)), times.count() - 1);
  }
}

TEST(latency_histogram, merges) {
  latency_histogram some;
  latency_histogram others;
  some.record(10ns);
  others.record(1ms, 3);
  some.merge(others);
  EXPECT_EQ(some.count(), 4U);
  EXPECT_EQ(some.sum(), 10ns + 3ms);
  EXPECT_EQ(some.quantile(0.25), 10ns);
  EXPECT_GE(some.quantile(0.26), 1ms);
}

}  // namespace
}  // namespace gyre
