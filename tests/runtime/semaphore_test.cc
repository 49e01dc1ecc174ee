#include "gyre/runtime/semaphore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(semaphore, bounds_how_many_are_at_work) {
  fake_world world;
  int at_work = 0;
  int at_work_max = 0;
  int done = 0;
  world.run(invoke([&]() -> task<> {
    semaphore desks(3);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 20; ++i)
        children.spawn([&]() -> task<> {
          const auto permit = co_await desks.acquire();
          at_work_max = std::max(at_work_max, ++at_work);
          co_await yield();
          --at_work;
          ++done;
        });
      co_return;
    });
    EXPECT_EQ(desks.available(), 3U);
  }));
  EXPECT_EQ(at_work_max, 3);
  EXPECT_EQ(done, 20);
}

TEST(semaphore, does_not_let_small_requests_overtake_a_large_one) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    semaphore bytes(10);
    const auto take = [&](int count) -> task<> {
      const auto taken = co_await bytes.acquire(count);
      order.push_back(count);
      co_await yield();
    };
    co_await with_scope([&](scope& children) -> task<> {
      auto first = co_await bytes.acquire(4);
      children.spawn(take(9));
      children.spawn(take(1));
      children.spawn(take(2));
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_TRUE(order.empty());
      EXPECT_EQ(bytes.available(), 6U);
      EXPECT_FALSE(bytes.try_acquire(1)) << "overtook one that waits";
      first->release();
      EXPECT_EQ(bytes.available(), 0U) << "nine and one were not given";
    });
    EXPECT_EQ(bytes.available(), 10U);
  }));
  EXPECT_EQ(order, (std::vector<int>{9, 1, 2}));
}

TEST(semaphore, serves_those_behind_a_large_request_that_is_stopped) {
  fake_world world;
  int served = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    semaphore bytes(5);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& inner) -> task<> {
          inner.spawn([&]() -> task<> {
            const auto all = co_await bytes.acquire(100);
            stopped += all.error() == std::errc::operation_canceled;
          });
          for (int i = 0; i < 3; ++i) co_await yield();
          inner.request_stop();
        });
      });
      co_await yield();
      co_await yield();
      for (int i = 0; i < 2; ++i)
        children.spawn([&]() -> task<> { served += (co_await bytes.acquire(2)).has_value(); });
      co_await yield();
      EXPECT_EQ(served, 0);
    });
    EXPECT_EQ(bytes.available(), 5U);
  }));
  EXPECT_EQ(served, 2);
  EXPECT_EQ(stopped, 1);
}

TEST(semaphore, permits_that_came_before_the_stop_are_held) {
  fake_world world;
  int held = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    semaphore desks(0);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { ++(co_await desks.acquire() ? held : stopped); });
      co_await yield();
      desks.release(2);
      children.request_stop();
    });
    EXPECT_EQ(desks.available(), 2U);
  }));
  EXPECT_EQ(held, 2);
  EXPECT_EQ(stopped, 1);
}

TEST(semaphore, permits_are_given_back_once) {
  semaphore desks(3);
  auto two = desks.try_acquire(2);
  EXPECT_TRUE(two);
  EXPECT_EQ(two.count(), 2U);
  EXPECT_FALSE(desks.try_acquire(2));
  auto moved = std::move(two);
  EXPECT_FALSE(two);  // NOLINT: what is left of it is what is tested
  two.release();
  EXPECT_EQ(desks.available(), 1U);
  moved = semaphore::permits();
  EXPECT_EQ(desks.available(), 3U);
}

TEST(semaphore, permits_that_are_kept_can_be_given_back_by_another) {
  semaphore desks(3);
  {
    auto two = desks.try_acquire(2);
    EXPECT_EQ(two.keep(), 2U);
  }
  EXPECT_EQ(desks.available(), 1U);
  desks.release(2);
  EXPECT_EQ(desks.available(), 3U);
}

TEST(semaphore_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<semaphore> desks(std::in_place, 0);
          spawn(invoke([&]() -> task<> { (void)co_await desks->acquire(); }));
          co_await yield();
          desks.reset();
        }));
      },
      "a semaphore was destroyed while tasks wait for it");
}

TEST(semaphore_death, more_permits_than_can_be_counted_end_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(semaphore(1).release(std::numeric_limits<std::size_t>::max()),
               "a semaphore was given more permits than it can count");
}

}  // namespace
}  // namespace gyre::testing_runtime
