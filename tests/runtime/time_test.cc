#include "gyre/runtime/time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace gyre {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(saturating_add, adds_what_fits) {
  const steady_time start(1h);
  EXPECT_EQ(saturating_add(start, 5ns), start + 5ns);
  EXPECT_EQ(saturating_add(start, 0ns), start);
  EXPECT_EQ(saturating_add(steady_time(), nanoseconds::max()), never);
}

TEST(saturating_add, ends_at_never_and_goes_not_back) {
  const steady_time start(1h);
  EXPECT_EQ(saturating_add(start, nanoseconds::max()), never);
  EXPECT_EQ(saturating_add(never, 1ns), never);
  EXPECT_EQ(saturating_add(never - 1ns, 1ns), never);
  EXPECT_EQ(saturating_add(never - 1ns, 2ns), never);
  EXPECT_EQ(saturating_add(start, -1ns), start);
  EXPECT_EQ(saturating_add(start, nanoseconds::min()), start);
  EXPECT_EQ(saturating_add(steady_time(-1h), 1min), steady_time(-59min));
  EXPECT_EQ(saturating_add(steady_time::min(), nanoseconds::max()), steady_time(-1ns));
}

TEST(saturating_nanoseconds, converts_every_unit) {
  EXPECT_EQ(saturating_nanoseconds(3s), 3'000'000'000ns);
  EXPECT_EQ(saturating_nanoseconds(2min), 120s);
  EXPECT_EQ(saturating_nanoseconds(7ns), 7ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<std::int8_t>(100)), 100s);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<double>(0.5)), 500ms);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<float, std::milli>(0.25F)), 250us);
}

TEST(saturating_nanoseconds, rounds_up) {
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<double, std::nano>(0.1)), 1ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<std::int64_t, std::pico>(1)), 1ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<std::int64_t, std::pico>(1001)), 2ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<std::int64_t, std::ratio<1, 3>>(1)),
            333'333'334ns);
}

TEST(saturating_nanoseconds, takes_too_long_a_span_for_the_longest) {
  EXPECT_EQ(saturating_nanoseconds(std::chrono::hours::max()), nanoseconds::max());
  EXPECT_EQ(saturating_nanoseconds(std::chrono::years(1'000'000)), nanoseconds::max());
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<double>(1e300)), nanoseconds::max());
  EXPECT_EQ(saturating_nanoseconds(
                std::chrono::duration<double>(std::numeric_limits<double>::infinity())),
            nanoseconds::max());
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<std::uint64_t>(UINT64_MAX)),
            nanoseconds::max());
}

TEST(saturating_nanoseconds, keeps_what_is_just_short_of_too_long) {
  const std::chrono::duration<float> nearly(9'223'371'776.F);
  EXPECT_EQ(saturating_nanoseconds(nearly), 9'223'371'776s);
  const std::chrono::duration<std::int64_t, std::ratio<1001, 30000>> frames(100'000'000'000);
  EXPECT_EQ(saturating_nanoseconds(frames), 3'336'666'666'666'666'667ns);
}

TEST(saturating_nanoseconds, takes_a_negative_span_for_none) {
  EXPECT_EQ(saturating_nanoseconds(-1s), 0ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::hours::min()), 0ns);
  EXPECT_EQ(saturating_nanoseconds(std::chrono::duration<double>(-1e300)), 0ns);
  EXPECT_EQ(saturating_nanoseconds(
                std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
            0ns);
}

}  // namespace
}  // namespace gyre
