#include "gyre/runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace gyre {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// What the wheel rounds deadlines to.
constexpr nanoseconds tick{1 << 16};
constexpr steady_time start{1h};

class alarm final : public timer {
 public:
  ~alarm() = default;
  std::function<void()> action;
  int fired_count = 0;

 private:
  void fired() noexcept override {
    ++fired_count;
    if (action) action();
  }
};

/// Advances the wheel to `now`, with no bound.
std::size_t advance(timer_wheel& wheel, steady_time now) {
  return wheel.advance(now, SIZE_MAX);
}

TEST(timer_wheel, fires_at_the_deadline_and_not_before) {
  for (const nanoseconds span :
       {nanoseconds(1), tick - 1ns, tick, tick + 1ns, nanoseconds(1ms), tick * 63, tick * 64,
        tick * 65, tick * 4095, tick * 4096, tick * 4097, nanoseconds(1h), nanoseconds(24h * 365),
        nanoseconds(24h * 365 * 100)}) {
    timer_wheel wheel(start);
    alarm one;
    wheel.arm(one, start + span);
    EXPECT_TRUE(one.armed());
    EXPECT_EQ(advance(wheel, start + span - 1ns), 0U) << span.count();
    EXPECT_LE(wheel.next(), start + span + tick);
    EXPECT_EQ(advance(wheel, start + span + tick), 1U) << span.count();
    EXPECT_FALSE(one.armed());
    EXPECT_TRUE(wheel.empty());
    EXPECT_EQ(wheel.next(), never);
    EXPECT_EQ(advance(wheel, never), 0U);
  }
}

TEST(timer_wheel, fires_what_lies_in_the_past_at_the_next_chance) {
  timer_wheel wheel(start);
  for (const steady_time past :
       {start - tick, start - 1h, steady_time(), steady_time(-1h), steady_time::min()}) {
    alarm one;
    wheel.arm(one, past);
    EXPECT_LE(wheel.next(), start);
    EXPECT_EQ(advance(wheel, start), 1U);
    EXPECT_EQ(one.fired_count, 1);
  }
}

TEST(timer_wheel, has_room_for_never) {
  timer_wheel wheel(start);
  alarm late;
  alarm almost;
  wheel.arm(late, never);
  wheel.arm(almost, never - 1ns);
  EXPECT_EQ(wheel.size(), 2U);
  EXPECT_EQ(advance(wheel, start + 24h * 365 * 200), 0U);
  EXPECT_LE(wheel.next(), never);
  wheel.disarm(late);
  wheel.disarm(almost);
  EXPECT_TRUE(wheel.empty());
}

TEST(timer_wheel, forgets_what_is_disarmed) {
  timer_wheel wheel(start);
  std::deque<alarm> all(100);
  for (std::size_t i = 0; i < all.size(); ++i) wheel.arm(all[i], start + i * 1ms);
  for (std::size_t i = 0; i < all.size(); i += 2) wheel.disarm(all[i]);
  wheel.disarm(all[0]);  // once more does no harm
  EXPECT_EQ(wheel.size(), 50U);
  EXPECT_EQ(advance(wheel, start + 1h), 50U);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].fired_count, i % 2 ? 1 : 0);
}

TEST(timer_wheel, takes_a_timer_again_after_it_fired_or_was_disarmed) {
  timer_wheel wheel(start);
  alarm one;
  steady_time now = start;
  for (int i = 0; i < 1000; ++i) {
    wheel.arm(one, now + 1ms);
    wheel.disarm(one);
    wheel.arm(one, now + 2ms);
    now += 3ms;
    EXPECT_EQ(advance(wheel, now), 1U);
  }
  EXPECT_EQ(one.fired_count, 1000);
}

TEST(timer_wheel, fires_in_the_order_of_the_ticks) {
  timer_wheel wheel(start);
  std::deque<alarm> all(5000);
  std::vector<std::size_t> order;
  std::mt19937_64 random(1);
  std::vector<std::size_t> places(all.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::shuffle(places.begin(), places.end(), random);
  for (const std::size_t place : places) {
    all[place].action = [&order, place] { order.push_back(place); };
    wheel.arm(all[place], start + tick * (place * 7 + 1));
  }
  EXPECT_EQ(advance(wheel, start + 1h), all.size());
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(timer_wheel, fires_no_more_than_it_may_and_the_rest_later) {
  timer_wheel wheel(start);
  std::deque<alarm> all(1000);
  for (alarm& each : all) wheel.arm(each, start + 5ms);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(wheel.advance(start + 1s, 100), 100U);
    EXPECT_EQ(wheel.size(), 1000U - 100U * static_cast<unsigned>(i + 1));
    EXPECT_TRUE(wheel.empty() || wheel.next() <= start + 1s) << "the rest would come late";
  }
  EXPECT_EQ(wheel.advance(start + 1s, 100), 0U);
}

TEST(timer_wheel, takes_no_harm_from_time_that_goes_backwards) {
  timer_wheel wheel(start);
  alarm one;
  alarm two;
  EXPECT_EQ(advance(wheel, start + 1h), 0U);
  wheel.arm(one, start + 1h + 1s);
  EXPECT_EQ(advance(wheel, start), 0U);
  EXPECT_EQ(advance(wheel, start + 1h), 0U);
  wheel.arm(two, start);
  EXPECT_EQ(advance(wheel, start + 1h), 1U);
  EXPECT_EQ(advance(wheel, start + 1h + 2s), 1U);
}

TEST(timer_wheel, lets_a_timer_that_fires_arm_and_disarm_any_other) {
  timer_wheel wheel(start);
  alarm first;
  alarm disarmed;
  alarm armed;
  first.action = [&] {
    wheel.disarm(disarmed);
    wheel.arm(armed, start + 10ms);
    wheel.arm(first, start + 20ms);
    first.action = nullptr;
  };
  wheel.arm(first, start + 1ms);
  wheel.arm(disarmed, start + 2ms);
  EXPECT_EQ(advance(wheel, start + 5ms), 1U);
  EXPECT_EQ(wheel.size(), 2U);
  EXPECT_EQ(advance(wheel, start + 15ms), 1U);
  EXPECT_EQ(armed.fired_count, 1);
  EXPECT_EQ(advance(wheel, start + 25ms), 1U);
  EXPECT_EQ(first.fired_count, 2);
  EXPECT_EQ(disarmed.fired_count, 0);
}

TEST(timer_wheel, fires_a_timer_that_always_arms_itself_no_more_than_it_may) {
  timer_wheel wheel(start);
  alarm one;
  one.action = [&] { wheel.arm(one, start - 1h); };
  wheel.arm(one, start - 1h);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(wheel.advance(start, 10), 10U);
    EXPECT_EQ(one.fired_count, 10 * i);
  }
  wheel.disarm(one);
}

TEST(timer_wheel, holds_a_million_timers) {
  constexpr std::size_t million = 1'000'000;
  timer_wheel wheel(start);
  std::vector<alarm> all(million);
  std::mt19937_64 random(2);
  const auto arm_all = [&] {
    for (alarm& each : all) wheel.arm(each, start + nanoseconds(random() % 3'600'000'000'000));
    EXPECT_EQ(wheel.size(), million);
  };
  arm_all();
  for (alarm& each : all) wheel.disarm(each);
  EXPECT_TRUE(wheel.empty());
  arm_all();
  std::size_t fired = 0;
  while (!wheel.empty()) fired += advance(wheel, wheel.next());
  EXPECT_EQ(fired, million);
}

/// The wheel beside a sorted list of the same timers.
class wheel_and_model {
 public:
  explicit wheel_and_model(std::uint64_t seed) : random_(seed), wheel_(start), now_(start) {}
  ~wheel_and_model() {
    for (auto& [deadline, one] : model_) wheel_.disarm(*one);
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        return arm();
      case 4:
      case 5:
        return disarm();
      default:
        return advance_time();
    }
  }

 private:
  // Spans of all magnitudes, from nanoseconds to centuries.
  nanoseconds span() {
    const auto bits = random_() % 62;
    return nanoseconds(static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1)));
  }

  void arm() {
    const nanoseconds ahead = span() / 4;
    const steady_time deadline = random_() % 10 == 0 ? now_ - ahead : saturating_add(now_, ahead);
    alarms_.push_back(std::make_unique<alarm>());
    alarm& one = *alarms_.back();
    one.action = [this, deadline, &one] { fired_.emplace_back(deadline, &one); };
    wheel_.arm(one, deadline);
    model_.emplace(deadline, &one);
  }

  void disarm() {
    if (model_.empty()) return;
    auto each = model_.begin();
    std::advance(each,
                 static_cast<std::ptrdiff_t>(random_() % std::min<std::size_t>(model_.size(), 20)));
    wheel_.disarm(*each->second);
    model_.erase(each);
  }

  void advance_time() {
    // Now and then just to where the wheel says, or to the brink of a deadline.
    const auto how = random_() % 4;
    if (how == 0 && wheel_.next() != never)
      now_ = std::max(now_, wheel_.next());
    else if (how == 1 && !model_.empty() && model_.begin()->first > now_)
      now_ = model_.begin()->first - nanoseconds(random_() % 2);
    else
      now_ = std::min(saturating_add(now_, span() / 1024), steady_time(nanoseconds(1LL << 62)));
    check_next();
    fired_.clear();
    advance(wheel_, now_);
    advanced_ = now_;
    check_fired();
    ASSERT_EQ(wheel_.size(), model_.size());
  }

  void check_next() {
    if (model_.empty()) return;
    const steady_time earliest = model_.begin()->first;
    ASSERT_LE(wheel_.next(), saturating_add(std::max(earliest, advanced_), tick));
  }

  // All that lie a tick back have fired, nothing that lies ahead has; in between it may have.
  void check_fired() {
    for (const auto& [deadline, one] : fired_) {
      ASSERT_LE(deadline, now_) << "fired early";
      auto [found, end] = model_.equal_range(deadline);
      while (found != end && found->second != one) ++found;
      ASSERT_NE(found, end) << "fired twice, or after it was disarmed";
      model_.erase(found);
    }
    ASSERT_TRUE(model_.empty() || model_.begin()->first > now_ - tick) << "did not fire";
  }

  std::mt19937_64 random_;
  timer_wheel wheel_;
  steady_time now_;
  steady_time advanced_ = start;
  std::multimap<steady_time, alarm*> model_;
  std::vector<std::pair<steady_time, alarm*>> fired_;
  std::deque<std::unique_ptr<alarm>> alarms_;
};

TEST(timer_wheel, does_as_a_sorted_list_does) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    wheel_and_model both(seed);
    for (int i = 0; i < 5000 && !testing::Test::HasFatalFailure(); ++i) both.step();
  }
}

TEST(timer_wheel_death, arming_twice_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        timer_wheel wheel(start);
        alarm one;
        wheel.arm(one, start);
        wheel.arm(one, start);
      },
      "a timer was armed twice");
}

TEST(timer_wheel_death, destroying_an_armed_timer_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        timer_wheel wheel(start);
        alarm one;
        wheel.arm(one, start + 1s);
      },
      "destroyed while it waited");
}

}  // namespace
}  // namespace gyre
