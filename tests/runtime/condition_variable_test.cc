#include "gyre/runtime/condition_variable.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(condition_variable, lets_those_go_on_for_whom_it_holds) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    int value = 0;
    co_await with_scope([&](scope& children) -> task<> {
      for (int wanted : {2, 1, 3})
        children.spawn([&, wanted]() -> task<> {
          auto guard = co_await door.lock();
          EXPECT_TRUE(co_await changed.wait(*guard, [&] { return value >= wanted; }));
          EXPECT_TRUE(door.is_locked());
          order += static_cast<char>('0' + wanted);
          co_await yield();
        });
      co_await yield();
      EXPECT_FALSE(door.is_locked()) << "it is unlocked while they wait";
      for (value = 1; value <= 3; ++value) {
        changed.notify_all();
        for (int i = 0; i < 3; ++i) co_await yield();
      }
    });
    EXPECT_FALSE(door.is_locked());
  }));
  EXPECT_EQ(order, "123");
}

TEST(condition_variable, that_holds_is_not_waited_for) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    condition_variable changed;
    auto guard = co_await door.lock();
    EXPECT_TRUE(co_await changed.wait(*guard, [] { return true; }));
    EXPECT_TRUE(guard->owns_lock());
  }());
}

TEST(condition_variable, makes_a_queue_of_tasks_without_losing_a_job) {
  fake_world world;
  int done = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    std::deque<int> jobs;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 4; ++i)
        children.spawn([&]() -> task<> {
          while (true) {
            auto guard = co_await door.lock();
            if (!guard || !co_await changed.wait(*guard, [&] { return !jobs.empty(); })) break;
            jobs.pop_front();
            ++done;
            co_await yield();
          }
          ++stopped;
        });
      for (int i = 0; i < 1000; ++i) {
        {
          const auto guard = co_await door.lock();
          jobs.push_back(i);
          if (i % 3 == 0) co_await yield();
          if (i % 2 == 0) changed.notify_one();
        }
        if (i % 2 != 0) changed.notify_one();
      }
      while (done < 1000) co_await yield();
      children.request_stop();
    });
  }));
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(stopped, 4);
}

TEST(condition_variable, without_a_predicate_lets_as_many_go_on_as_are_notified) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    co_await with_scope([&](scope& children) -> task<> {
      for (char name : {'a', 'b', 'c', 'd'})
        children.spawn([&, name]() -> task<> {
          auto guard = co_await door.lock();
          EXPECT_TRUE(co_await changed.wait(*guard));
          order += name;
        });
      co_await yield();
      changed.notify_one();
      co_await yield();
      EXPECT_EQ(order, "a");
      {
        const auto guard = co_await door.lock();
        changed.notify_one();
        co_await yield();
        EXPECT_EQ(order, "a") << "the mutex is held by another";
      }
      co_await yield();
      EXPECT_EQ(order, "ab");
      changed.notify_all();
    });
    changed.notify_one();
    changed.notify_all();
  }));
  EXPECT_EQ(order, "abcd");
}

TEST(condition_variable, holds_the_mutex_again_when_a_stop_has_ended_the_wait) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 4; ++i)
        children.spawn([&, i]() -> task<> {
          auto guard = co_await door.lock();
          const auto waited = i % 2 ? co_await changed.wait(*guard)
                                    : co_await changed.wait(*guard, [] { return false; });
          EXPECT_EQ(waited.error(), std::errc::operation_canceled);
          EXPECT_TRUE(guard->owns_lock());
          EXPECT_TRUE(door.is_locked());
          ++stopped;
          co_await yield();
          EXPECT_EQ((co_await changed.wait(*guard)).error(), std::errc::operation_canceled);
        });
      co_await yield();
      auto guard = co_await door.lock();
      children.request_stop();
      co_await yield();
      EXPECT_EQ(stopped, 0) << "the mutex is held by another";
    });
    EXPECT_FALSE(door.is_locked());
  }));
  EXPECT_EQ(stopped, 4);
}

TEST(condition_variable, that_holds_when_the_stopped_task_has_the_mutex_has_been_waited_for) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    condition_variable changed;
    bool value = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto guard = co_await door.lock();
        EXPECT_TRUE(co_await changed.wait(*guard, [&] { return value; }));
      });
      co_await yield();
      const auto guard = co_await door.lock();
      children.request_stop();
      value = true;
    });
  }());
}

TEST(condition_variable, a_notification_that_came_before_the_stop_is_delivered) {
  fake_world world;
  int notified = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          auto guard = co_await door.lock();
          ++(co_await changed.wait(*guard) ? notified : stopped);
        });
      co_await yield();
      const auto guard = co_await door.lock();
      changed.notify_one();
      changed.notify_one();
      children.request_stop();
    });
  }));
  EXPECT_EQ(notified, 2);
  EXPECT_EQ(stopped, 1);
}

TEST(condition_variable, one_notified_in_vain_before_the_stop_is_stopped) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    condition_variable changed;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto guard = co_await door.lock();
        const auto waited = co_await changed.wait(*guard, [] { return false; });
        EXPECT_EQ(waited.error(), std::errc::operation_canceled);
      });
      co_await yield();
      const auto guard = co_await door.lock();
      changed.notify_one();
      children.request_stop();
    });
  }());
}

TEST(condition_variable_death, waiting_without_the_mutex_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        mutex::guard nothing;
        condition_variable changed;
        (void)changed.wait(nothing);
      },
      "a condition was waited for with a guard that holds no mutex");
}

TEST(condition_variable_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          mutex door;
          std::optional<condition_variable> changed(std::in_place);
          spawn(invoke([&]() -> task<> {
            auto guard = co_await door.lock();
            (void)co_await changed->wait(*guard);
          }));
          co_await yield();
          changed.reset();
        }));
      },
      "a condition_variable was destroyed while tasks wait for it");
}

TEST(condition_variable, wait_that_was_stopped_can_be_awaited_again) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    mutex door;
    condition_variable changed;
    bool holds = false;
    auto guard = (co_await door.lock()).value();
    auto wait = changed.wait(guard, [&] { return holds; });
    EXPECT_EQ((co_await with_timeout(wait, std::chrono::seconds(1))).error(), std::errc::timed_out);
    holds = true;
    EXPECT_TRUE(co_await wait);
    holds = false;
    EXPECT_EQ((co_await with_timeout(wait, std::chrono::seconds(1))).error(), std::errc::timed_out);
  }));
}

}  // namespace
}  // namespace gyre::testing_runtime
