#include "gyre/runtime/latch.h"

#include <gtest/gtest.h>

#include <optional>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(latch, opens_when_it_was_counted_down) {
  fake_world world;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    latch done(5);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          EXPECT_TRUE(co_await done.wait());
          ++went_on;
        });
      co_await yield();
      done.count_down(2);
      done.count_down(2);
      co_await yield();
      EXPECT_EQ(went_on, 0);
      EXPECT_EQ(done.left(), 1U);
      done.count_down();
      EXPECT_TRUE(done.is_open());
    });
    EXPECT_TRUE(co_await done.wait()) << "an open latch stays open";
    EXPECT_TRUE(co_await latch(0).wait());
  }));
  EXPECT_EQ(went_on, 3);
}

TEST(latch, lets_all_go_on_that_arrive) {
  fake_world world;
  int arrived = 0;
  world.run(invoke([&]() -> task<> {
    latch start(4);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 4; ++i)
        children.spawn([&]() -> task<> {
          ++arrived;
          EXPECT_TRUE(co_await start.arrive_and_wait());
          EXPECT_EQ(arrived, 4);
        });
      co_return;
    });
  }));
}

TEST(latch, wait_is_ended_by_a_stop_unless_it_was_open_before) {
  fake_world world;
  int went_on = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    latch first(1);
    latch second(1);
    co_await with_scope([&](scope& children) -> task<> {
      for (latch* each : {&first, &second})
        children.spawn([&, each]() -> task<> { ++(co_await each->wait() ? went_on : stopped); });
      co_await yield();
      first.count_down();
      children.request_stop();
      second.count_down();
    });
  }));
  EXPECT_EQ(went_on, 1);
  EXPECT_EQ(stopped, 1);
}

TEST(latch_death, counted_down_below_zero_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(latch(2).count_down(3), "a latch was counted down below zero");
}

TEST(latch_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<latch> done(std::in_place, 1);
          spawn(invoke([&]() -> task<> { (void)co_await done->wait(); }));
          co_await yield();
          done.reset();
        }));
      },
      "a latch was destroyed while tasks wait for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
