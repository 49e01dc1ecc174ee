#include "gyre/runtime/sleep.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

TEST(sleep, ends_at_its_deadline_and_not_before) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    for (const std::chrono::nanoseconds span :
         {std::chrono::nanoseconds(1ns), std::chrono::nanoseconds(1us),
          std::chrono::nanoseconds(100us), std::chrono::nanoseconds(1ms),
          std::chrono::nanoseconds(17ms), std::chrono::nanoseconds(1h),
          std::chrono::nanoseconds(24h * 400)}) {
      const auto start = world.home.now();
      EXPECT_TRUE(co_await sleep_for(span));
      EXPECT_GE(world.home.now() - start, span);
      EXPECT_LE(world.home.now() - start, span + 100us);  // by the loop's doing, that is
    }
  }));
}

TEST(sleep, takes_any_unit_and_rounds_up) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    (void)co_await sleep_for(std::chrono::duration<double, std::milli>(1.5));
    (void)co_await sleep_for(std::chrono::minutes(2));
    EXPECT_GE(world.home.now() - start, 2min + 1500us);
  }));
}

TEST(sleep, of_no_time_or_less_ends_at_once) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_TRUE(co_await sleep_for(0s));
    EXPECT_TRUE(co_await sleep_for(-1h));
    EXPECT_TRUE(co_await sleep_until(start));
    EXPECT_TRUE(co_await sleep_until(start - 1h));
    EXPECT_TRUE(co_await sleep_until(steady_time::min()));
    EXPECT_EQ(world.home.now(), start);
  }));
}

TEST(sleep, follows_the_order_of_the_deadlines) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (const int seconds : {5, 1, 9, 3, 7, 2, 8, 4, 6, 0})
        children.spawn([&order, seconds]() -> task<> {
          (void)co_await sleep_for(std::chrono::seconds(seconds));
          order.push_back(seconds);
        });
      co_return;
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(sleep, for_ever_is_ended_by_a_stop_only) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (const steady_time until : {never, never - 1ns})
        children.spawn([until]() -> task<> {
          EXPECT_EQ((co_await sleep_until(until)).error(), std::errc::operation_canceled);
        });
      children.spawn([]() -> task<> {
        EXPECT_EQ((co_await sleep_for(std::chrono::hours::max())).error(),
                  std::errc::operation_canceled);
      });
      (void)co_await sleep_for(24h * 365 * 100);
      children.request_stop();
    });
  }));
}

TEST(sleep, that_is_stopped_ends_early) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        EXPECT_EQ((co_await sleep_for(1h)).error(), std::errc::operation_canceled);
      });
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
    EXPECT_LT(world.home.now() - start, 2s);
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(sleep, whose_time_came_with_the_stop_is_over) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      const auto deadline = world.home.now() + 1s;
      // The first to wake stops the others, whose time has come as well.
      for (int i = 0; i < 3; ++i)
        children.spawn([&children, deadline]() -> task<> {
          EXPECT_TRUE(co_await sleep_until(deadline));
          children.request_stop();
        });
      co_return;
    });
  }));
}

TEST(sleep, of_a_hundred_thousand_tasks_at_once) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 100'000; ++i)
        children.spawn([&ended, i]() -> task<> {
          ended +=
              (co_await sleep_for(std::chrono::microseconds(1 + i * 37 % 1'000'000))).has_value();
        });
      co_return;
    });
  }));
  EXPECT_EQ(ended, 100'000);
  EXPECT_EQ(world.home.counters().timers_fired, 100'000U);
}

TEST(yield, lets_every_other_ready_task_run_first) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&order, i]() -> task<> {
          for (int round = 0; round < 2; ++round) {
            order.push_back(i);
            co_await yield();
          }
        });
      co_return;
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 0, 1, 2}));
}

TEST(yield, tells_when_the_task_was_stopped) {
  fake_world world;
  int rounds = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        while (co_await yield()) ++rounds;
        EXPECT_FALSE(co_await yield());
      });
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await yield());
      children.request_stop();
    });
    EXPECT_TRUE(co_await yield());
  }));
  EXPECT_GE(rounds, 8);
  EXPECT_LE(rounds, 10);
}

TEST(yield, goes_on_when_the_task_is_stopped) {
  fake_world world;
  int yields = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      for (; yields < 10; ++yields) co_await yield();
    });
  }));
  EXPECT_EQ(yields, 10);
}

}  // namespace
}  // namespace gyre::testing_runtime
