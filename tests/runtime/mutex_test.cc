#include "gyre/runtime/mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(mutex, lets_one_task_in_at_a_time) {
  fake_world world;
  int inside = 0;
  int went_in = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 10; ++i)
        children.spawn([&]() -> task<> {
          for (int round = 0; round < 10; ++round) {
            const auto guard = co_await door.lock();
            EXPECT_EQ(++inside, 1);
            co_await yield();
            EXPECT_EQ(inside--, 1);
            ++went_in;
          }
        });
      co_return;
    });
    EXPECT_FALSE(door.is_locked());
  }));
  EXPECT_EQ(went_in, 100);
}

TEST(mutex, that_is_free_is_not_waited_for) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    for (int i = 0; i < 1000; ++i) {
      const auto resumed = loop::current().counters().resumed;
      const auto guard = co_await door.lock();
      EXPECT_TRUE(guard->owns_lock());
      EXPECT_EQ(loop::current().counters().resumed, resumed);
    }
  }());
}

TEST(mutex, is_handed_over_in_the_order_of_asking) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    mutex door;
    co_await with_scope([&](scope& children) -> task<> {
      auto guard = co_await door.lock();
      for (int i = 0; i < 5; ++i)
        children.spawn([&, i]() -> task<> {
          const auto held = co_await door.lock();
          order.push_back(i);
        });
      co_await yield();
      guard->unlock();
      EXPECT_FALSE(guard->owns_lock());
      EXPECT_TRUE(door.is_locked()) << "a newcomer would overtake those who wait";
      EXPECT_FALSE(door.try_lock().owns_lock());
      guard = co_await door.lock();
      order.push_back(5);
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(mutex, can_be_tried) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    auto first = door.try_lock();
    EXPECT_TRUE(first.owns_lock());
    EXPECT_FALSE(door.try_lock().owns_lock());
    auto second = std::move(first);
    EXPECT_TRUE(door.is_locked());
    second = mutex::guard();
    EXPECT_FALSE(door.is_locked());
    EXPECT_TRUE(door.try_lock().owns_lock());
    co_return;
  }());
}

TEST(mutex, wait_is_ended_by_a_stop_and_the_next_comes_in) {
  fake_world world;
  int stopped = 0;
  int came_in = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    const auto come_in = [&]() -> task<> {
      const auto held = co_await door.lock();
      EXPECT_TRUE(held || held.error() == std::errc::operation_canceled);
      ++(held ? came_in : stopped);
    };
    co_await with_scope([&](scope& children) -> task<> {
      auto guard = co_await door.lock();
      children.spawn(come_in());
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& inner) -> task<> {
          inner.spawn(come_in());
          co_await yield();
          co_await yield();
          inner.request_stop();
        });
      });
      children.spawn(come_in());
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_EQ(stopped, 1);
      EXPECT_EQ(came_in, 0);
    });
  }));
  EXPECT_EQ(stopped, 1);
  EXPECT_EQ(came_in, 2);
}

TEST(mutex, that_was_handed_over_before_the_stop_is_held) {
  fake_world world;
  int held = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    co_await with_scope([&](scope& children) -> task<> {
      auto guard = co_await door.lock();
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { ++(co_await door.lock() ? held : stopped); });
      co_await yield();
      guard->unlock();
      children.request_stop();
    });
    EXPECT_FALSE(door.is_locked());
  }));
  EXPECT_EQ(held, 1);
  EXPECT_EQ(stopped, 2);
}

TEST(mutex, that_is_free_is_given_to_a_stopped_task_and_one_that_is_not_ends_its_wait) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      auto guard = co_await door.lock();
      EXPECT_TRUE(guard);
      EXPECT_EQ((co_await door.lock()).error(), std::errc::operation_canceled);
    });
  }());
}

TEST(mutex, wait_that_was_stopped_can_be_awaited_again) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    mutex door;
    auto held = door.try_lock();
    auto wait = door.lock();
    EXPECT_EQ((co_await with_timeout(wait, std::chrono::seconds(1))).error(), std::errc::timed_out);
    held.unlock();
    EXPECT_TRUE((co_await wait).value().owns_lock());
    EXPECT_FALSE(door.is_locked());
  }));
}

TEST(mutex_death, destroyed_while_locked_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::optional<mutex> door(std::in_place);
        const auto guard = door->try_lock();
        door.reset();
      },
      "a mutex was destroyed while it was locked");
}

TEST(mutex_death, unlocking_twice_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        mutex door;
        auto guard = door.try_lock();
        guard.unlock();
        guard.unlock();
      },
      "a guard was unlocked that holds no mutex");
}

}  // namespace
}  // namespace gyre::testing_runtime
