#include "gyre/runtime/barrier.h"

#include <gtest/gtest.h>

#include <optional>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(barrier, holds_all_until_the_last_arrives_in_each_round) {
  fake_world world;
  int arrivals = 0;
  world.run(invoke([&]() -> task<> {
    barrier line(4);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 4; ++i)
        children.spawn([&, i]() -> task<> {
          for (int round = 1; round <= 10; ++round) {
            for (int slow = 0; slow < (i * round) % 7; ++slow) co_await yield();
            ++arrivals;
            EXPECT_TRUE(co_await line.arrive_and_wait());
            EXPECT_GE(arrivals, 4 * round);
            EXPECT_LT(arrivals, 4 * (round + 1));
          }
        });
      co_return;
    });
    EXPECT_EQ(line.arrived(), 0U);
  }));
  EXPECT_EQ(arrivals, 40);
}

TEST(barrier, takes_the_arrival_of_a_stopped_task_back) {
  fake_world world;
  int went_on = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    barrier line(2);
    const auto arrive = [&]() -> task<> {
      ++(co_await line.arrive_and_wait() ? went_on : stopped);
    };
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(arrive());
      co_await yield();
      EXPECT_EQ(line.arrived(), 1U);
      children.request_stop();
      EXPECT_EQ(line.arrived(), 0U);
    });
    EXPECT_EQ(stopped, 1);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(arrive());
      co_await yield();
      EXPECT_EQ(went_on, 0) << "one of two had arrived";
      children.spawn(arrive());
    });
  }));
  EXPECT_EQ(went_on, 2);
}

TEST(barrier, that_all_had_reached_before_the_stop_was_reached) {
  fake_world world;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    barrier line(3);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn(
            [&]() -> task<> { went_on += (co_await line.arrive_and_wait()).has_value(); });
      co_await yield();
      EXPECT_TRUE(co_await line.arrive_and_wait());
      children.request_stop();
    });
  }));
  EXPECT_EQ(went_on, 2);
}

TEST(barrier, waits_no_longer_for_those_who_left) {
  fake_world world;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    barrier line(4);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn(
            [&]() -> task<> { went_on += (co_await line.arrive_and_wait()).has_value(); });
      co_await yield();
      line.leave();
      co_await yield();
      EXPECT_EQ(went_on, 0);
      line.leave();
      EXPECT_EQ(line.parties(), 2U);
    });
    EXPECT_EQ(went_on, 2);
    line.leave();
    EXPECT_TRUE(co_await line.arrive_and_wait()) << "the only one who is left";
    line.leave();
  }));
}

TEST(barrier_death, breaking_its_rules_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(barrier(0), "a barrier was made for no task");
  EXPECT_DEATH(
      {
        barrier line(1);
        line.leave();
        line.leave();
      },
      "more tasks left a barrier than take part");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run([]() -> task<> {
          barrier line(1);
          line.leave();
          (void)co_await line.arrive_and_wait();
        }());
      },
      "a task arrived at a barrier that all have left");
}

TEST(barrier_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<barrier> line(std::in_place, 2);
          spawn(invoke([&]() -> task<> { (void)co_await line->arrive_and_wait(); }));
          co_await yield();
          line.reset();
        }));
      },
      "a barrier was destroyed while tasks wait at it");
}

}  // namespace
}  // namespace gyre::testing_runtime
