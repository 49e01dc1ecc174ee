#include "gyre/runtime/interval.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gyre/runtime/manual_clock.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/time.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// A loop under a manual clock.
class manual_world {
 public:
  manual_world() : manual_world(std::make_unique<manual_clock>(std::make_unique<fake_backend>())) {}

  /// Runs `body(*this)`.
  template <class Body>
  void run(const Body& body) {
    run_on(home, body(*this));
  }
  /// Milliseconds since the world was made, rounded to what the loop promises.
  milliseconds time() const noexcept {
    return std::chrono::floor<milliseconds>(clock.now() - start);
  }

 private:
  explicit manual_world(std::unique_ptr<manual_clock> made)
      : clock(*made), start(made->now()), home(std::move(made)) {}

 public:
  manual_clock& clock;
  const steady_time start;
  loop home;
};

/// When the ticks of a period of 1 s come whose second one's work takes until 4.3 s.
std::vector<milliseconds> ticks_after_a_pause(missed_ticks policy) {
  std::vector<milliseconds> came;
  manual_world().run([&](manual_world& world) -> task<> {
    interval every(1s, policy);
    for (int i = 0; i < 7; ++i) {
      EXPECT_TRUE(co_await every.tick());
      came.push_back(world.time());
      if (i == 1) (void)co_await sleep_until(world.start + 4300ms);
    }
  });
  return came;
}

using times = std::vector<milliseconds>;

TEST(interval, makes_up_for_missed_ticks_in_a_burst) {
  EXPECT_EQ(ticks_after_a_pause(missed_ticks::burst),
            (times{0ms, 1000ms, 4300ms, 4300ms, 4300ms, 5000ms, 6000ms}));
}

TEST(interval, goes_on_from_a_late_tick) {
  const times came = ticks_after_a_pause(missed_ticks::delay);
  EXPECT_EQ(came, (times{0ms, 1000ms, 4300ms, 5300ms, 6300ms, 7300ms, 8300ms}));
}

TEST(interval, skips_missed_ticks_and_keeps_its_beat) {
  EXPECT_EQ(ticks_after_a_pause(missed_ticks::skip),
            (times{0ms, 1000ms, 4300ms, 5000ms, 6000ms, 7000ms, 8000ms}));
}

TEST(interval, does_not_drift) {
  for (const missed_ticks policy : {missed_ticks::burst, missed_ticks::skip})
    manual_world().run([&](manual_world& world) -> task<> {
      interval every(world.start, 7777777ns, policy);
      for (int i = 0; i < 10'000; ++i)
        EXPECT_EQ((co_await every.tick()).value(), world.start + i * 7777777ns);
    });
}

TEST(interval, gives_when_a_tick_was_due) {
  manual_world().run([](manual_world& world) -> task<> {
    interval every(world.start + 5s, 2s, missed_ticks::skip);
    EXPECT_EQ((co_await every.tick()).value(), world.start + 5s);
    world.clock.advance(5s);
    EXPECT_EQ((co_await every.tick()).value(), world.start + 7s);
    EXPECT_EQ(every.next(), world.start + 11s);
    EXPECT_EQ((co_await every.tick()).value(), world.start + 11s);
    EXPECT_EQ(every.period(), 2s);
  });
}

TEST(interval, is_punctual_where_work_ends_before_the_next_tick) {
  for (const missed_ticks policy : {missed_ticks::burst, missed_ticks::delay, missed_ticks::skip})
    manual_world().run([&](manual_world& world) -> task<> {
      interval every(world.start, 100ms, policy);
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ((co_await every.tick()).value(), world.start + i * 100ms);
        (void)co_await sleep_for(90ms);
      }
    });
}

TEST(interval, loses_no_tick_to_a_deadline_or_a_stop) {
  manual_world().run([](manual_world& world) -> task<> {
    interval every(world.start + 10s, 10s);
    EXPECT_EQ((co_await with_timeout(every.tick(), 1s)).error(), std::errc::timed_out);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        EXPECT_EQ((co_await every.tick()).error(), std::errc::operation_canceled);
      });
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
    EXPECT_EQ((co_await with_timeout(every.tick(), 1h)).value(), world.start + 10s);
  });
}

TEST(interval, can_be_set_anew) {
  manual_world().run([](manual_world& world) -> task<> {
    interval every(10s);
    EXPECT_TRUE(co_await every.tick());
    world.clock.advance(3s);
    every.reset();
    EXPECT_EQ((co_await every.tick()).value(), world.start + 13s);
    every.reset_at(world.start + 14s);
    EXPECT_EQ((co_await every.tick()).value(), world.start + 14s);
    EXPECT_EQ(every.next(), world.start + 24s);
  });
}

TEST(interval, begins_and_ends_with_time_itself) {
  for (const missed_ticks policy : {missed_ticks::delay, missed_ticks::skip})
    manual_world().run([&](manual_world& world) -> task<> {
      interval old(steady_time::min(), 1s, policy);
      EXPECT_EQ((co_await old.tick()).value(), steady_time::min());
      EXPECT_GT(old.next(), world.start);
      EXPECT_LE(old.next(), world.start + 1s);
      interval once(std::chrono::hours::max(), policy);
      EXPECT_EQ((co_await once.tick()).value(), world.start);
      EXPECT_EQ(once.next(), never);
      EXPECT_EQ((co_await with_timeout(once.tick(), 24h)).error(), std::errc::timed_out);
    });
}

template <class Span>
std::string refusal_of(Span period) {
  try {
    (void)interval(steady_time{}, period);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(interval, refuses_periods_of_no_time_and_names_them) {
  EXPECT_EQ(refusal_of(0ns), "the period of an interval is 0.000000 s: expected more than none");
  EXPECT_EQ(refusal_of(-2500ms),
            "the period of an interval is -2.500000 s: expected more than none");
  EXPECT_EQ(refusal_of(1ns), "");
}

}  // namespace
}  // namespace gyre::testing_runtime
