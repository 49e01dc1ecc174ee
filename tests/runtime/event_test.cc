#include "gyre/runtime/event.h"

#include <gtest/gtest.h>

#include <optional>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(event, lets_all_go_on_that_wait) {
  fake_world world;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    event happened;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 10; ++i)
        children.spawn([&]() -> task<> {
          EXPECT_TRUE(co_await happened.wait());
          ++went_on;
        });
      co_await yield();
      EXPECT_EQ(went_on, 0);
      happened.set();
      happened.set();
      EXPECT_EQ(went_on, 0) << "went on inside of set()";
    });
  }));
  EXPECT_EQ(went_on, 10);
}

TEST(event, that_has_happened_is_not_waited_for) {
  fake_world world;
  world.run([]() -> task<> {
    event happened;
    happened.set();
    EXPECT_TRUE(happened.is_set());
    EXPECT_TRUE(co_await happened.wait());
    EXPECT_TRUE(co_await happened.wait());
  }());
}

TEST(event, can_happen_again_after_a_reset) {
  fake_world world;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    event happened;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (; went_on < 3; ++went_on) {
          EXPECT_TRUE(co_await happened.wait());
          happened.reset();
        }
      });
      for (int i = 0; i < 3; ++i) {
        co_await yield();
        happened.set();
        co_await yield();
      }
    });
  }));
  EXPECT_EQ(went_on, 3);
}

TEST(event, wait_is_ended_by_a_stop) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    event happened;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&]() -> task<> {
          stopped += (co_await happened.wait()).error() == std::errc::operation_canceled;
        });
      co_await yield();
      children.request_stop();
    });
  }));
  EXPECT_EQ(stopped, 5);
}

TEST(event, that_happened_before_the_stop_has_happened) {
  fake_world world;
  int happened_first = 0;
  world.run(invoke([&]() -> task<> {
    event happened;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn(
            [&]() -> task<> { happened_first += (co_await happened.wait()).has_value(); });
      co_await yield();
      happened.set();
      children.request_stop();
    });
  }));
  EXPECT_EQ(happened_first, 5);
}

TEST(event, forgets_one_of_several_that_wait) {
  fake_world world;
  int stopped = 0;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    event happened;
    const auto wait = [&]() -> task<> { ++(co_await happened.wait() ? went_on : stopped); };
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(wait());
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& inner) -> task<> {
          inner.spawn(wait());
          co_await yield();
          co_await yield();
          inner.request_stop();
        });
      });
      children.spawn(wait());
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_EQ(stopped, 1);
      happened.set();
    });
  }));
  EXPECT_EQ(went_on, 2);
}

TEST(event_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<event> happened(std::in_place);
          spawn(invoke([&]() -> task<> { (void)co_await happened->wait(); }));
          co_await yield();
          happened.reset();
        }));
      },
      "an event was destroyed while tasks wait for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
