#include "gyre/runtime/auto_reset_event.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(auto_reset_event, lets_one_go_on_each_time_the_first_first) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    auto_reset_event happened;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&, i]() -> task<> {
          EXPECT_TRUE(co_await happened.wait());
          order.push_back(i);
        });
      co_await yield();
      for (std::size_t i = 1; i <= 5; ++i) {
        happened.set();
        EXPECT_FALSE(happened.is_set());
        co_await yield();
        EXPECT_EQ(order.size(), i);
      }
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(auto_reset_event, is_remembered_once_while_nobody_waits) {
  fake_world world;
  world.run([]() -> task<> {
    auto_reset_event happened;
    happened.set();
    happened.set();
    EXPECT_TRUE(happened.is_set());
    EXPECT_TRUE(co_await happened.wait());
    EXPECT_FALSE(happened.is_set());
    happened.set();
    happened.reset();
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      EXPECT_FALSE(co_await happened.wait());
    });
  }());
}

TEST(auto_reset_event, that_was_taken_before_the_stop_is_not_lost) {
  fake_world world;
  int taken = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    auto_reset_event happened;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { ++(co_await happened.wait() ? taken : stopped); });
      co_await yield();
      happened.set();
      children.request_stop();
      happened.set();
      EXPECT_TRUE(happened.is_set()) << "went to one that was stopped";
    });
  }));
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(stopped, 2);
}

TEST(auto_reset_event_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<auto_reset_event> happened(std::in_place);
          spawn(invoke([&]() -> task<> { (void)co_await happened->wait(); }));
          co_await yield();
          happened.reset();
        }));
      },
      "an auto_reset_event was destroyed while tasks wait for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
