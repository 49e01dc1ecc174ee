#include "gyre/runtime/operation.h"

#include <gtest/gtest.h>

#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(operation, gives_what_the_backend_says) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    for (const int answer : {0, 1, 12345}) {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([answer]() -> task<> { EXPECT_EQ((co_await request()).value(), answer); });
        co_await yield();
        world.kernel.finish(*world.kernel.in_flight().front(), answer);
      });
    }
  }));
}

TEST(operation, gives_an_errno_as_an_error) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(
          []() -> task<> { EXPECT_EQ((co_await request()).error(), std::errc::connection_reset); });
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), -ECONNRESET);
    });
  }));
}

TEST(operation, that_has_its_result_at_once_does_not_suspend) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(invoke([&]() -> task<> {
    const auto resumed = world.home.counters().resumed;
    EXPECT_EQ((co_await request()).value(), 7);
    EXPECT_EQ(world.home.counters().resumed, resumed);
  }));
}

TEST(operation, that_has_its_result_at_once_gives_way_to_others_from_time_to_time) {
  fake_world world;
  world.kernel.at_once = true;
  bool ran = false;
  world.run(invoke([&]() -> task<> {
    spawn(invoke([&]() -> task<> {
      ran = true;
      co_return;
    }));
    int operations = 0;
    for (; !ran && operations < 1000; ++operations) (void)co_await request();
    EXPECT_LT(operations, 100);
  }));
}

TEST(operation, that_has_its_result_at_once_leaves_time_to_each_of_many_others) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      int turns = 0;
      for (int i = 0; i < 10; ++i)
        children.spawn([&]() -> task<> {
          for (int turn = 0; turn < 10; ++turn, ++turns) co_await yield();
        });
      int operations = 0;
      while (turns < 100) {
        (void)co_await request();
        ++operations;
      }
      EXPECT_LE(operations, 12 * 33);
    });
  }));
}

// As long as it takes on many a machine to read what is in the cache.
TEST(operation, that_has_its_result_at_once_makes_timers_no_later_than_a_millisecond) {
  using namespace std::chrono_literals;
  fake_world world;
  world.kernel.at_once = true;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      const auto deadline = world.home.now() + 10ms;
      bool over = false;
      children.spawn([&, deadline]() -> task<> {
        (void)co_await sleep_until(deadline);
        over = true;
      });
      while (!over) {
        (void)co_await request();
        world.kernel.advance(500ns);
      }
      EXPECT_LT(world.home.now() - deadline, 1ms);
    });
  }));
}

TEST(operation, is_not_submitted_once_its_task_was_stopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      EXPECT_EQ((co_await request()).error(), std::errc::operation_canceled);
    });
    EXPECT_EQ(world.kernel.counters().submitted, 0U);
  }));
}

TEST(operation, is_cancelled_once_however_often_its_task_is_stopped) {
  fake_world world;
  world.kernel.cancels = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> { EXPECT_EQ((co_await request()).value(), 3); });
      co_await yield();
      operation& waiting = *world.kernel.in_flight().front();
      waiting.request_stop();
      children.request_stop();
      waiting.request_stop();
      co_await yield();
      EXPECT_EQ(world.kernel.counters().cancelled, 1U);
      world.kernel.finish(waiting, 3);
    });
  }));
}

TEST(operation, that_has_ended_is_not_cancelled_any_more) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> { EXPECT_EQ((co_await request()).value(), 3); });
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), 3);
      children.request_stop();
    });
    EXPECT_EQ(world.kernel.counters().cancelled, 0U);
  }));
}

TEST(operation, is_counted_on_its_descriptor_while_it_is_in_flight) {
  fake_world world;
  descriptor_users users;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn([&]() -> task<> { (void)co_await request(&users); });
      EXPECT_FALSE(users.any());
      co_await yield();
      EXPECT_TRUE(users.any());
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      EXPECT_TRUE(users.any());
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      EXPECT_FALSE(users.any());
    });
  }));
}

TEST(users_left, waits_for_the_last_operation_and_not_for_a_stop) {
  fake_world world;
  world.kernel.cancels = false;
  descriptor_users users;
  std::vector<const char*> log;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn([&]() -> task<> { (void)co_await request(&users); });
      co_await yield();
      children.spawn([&]() -> task<> {
        co_await users_left(users);
        log.push_back("left");
      });
      co_await yield();
      children.request_stop();
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      for (int i = 0; i < 5; ++i) co_await yield();
      log.push_back("last");
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
    });
    co_await users_left(users);
  }));
  EXPECT_EQ(log, (std::vector<const char*>{"last", "left"}));
}

TEST(operation_death, completed_twice_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([&]() -> task<> {
          spawn([]() -> task<> { (void)co_await request(); }());
          co_await yield();
          operation& waiting = *world.kernel.in_flight().front();
          waiting.complete(1);
          waiting.complete(2);
        }));
      },
      "completed an operation that was not in flight");
}

}  // namespace
}  // namespace gyre::testing_runtime
