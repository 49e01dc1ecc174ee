#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_stop_token.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

// Where a compiler makes no tail call of a transfer between coroutines (g++ below -O2, and with its
// sanitizers) each of these overflows the stack, unless the loop bounds its depth.
namespace gyre::testing_runtime {
namespace {

constexpr int million = 1'000'000;

task<int> one() {
  co_return 1;
}

task<std::int64_t> depth(std::int64_t left) {
  if (left == 0) co_return 0;
  co_return co_await depth(left - 1) + 1;
}

task<std::int64_t> depth_with_a_wait(std::int64_t left) {
  if (left == 0) {
    co_await yield();
    co_return 0;
  }
  co_return co_await depth_with_a_wait(left - 1) + 1;
}

task<> fail_at_depth(std::int64_t left) {
  if (left == 0) throw std::runtime_error("at the bottom");
  co_await fail_at_depth(left - 1);
}

/// A task that keeps a task, and so on.
task<std::int64_t> kept_tasks(int depth) {
  task<std::int64_t> outermost = []() -> task<std::int64_t> { co_return 0; }();
  for (int i = 0; i < depth; ++i)
    outermost = [](task<std::int64_t> inner) -> task<std::int64_t> {
      co_return co_await std::move(inner) + 1;
    }(std::move(outermost));
  return outermost;
}

TEST(task_depth, a_million_awaits_one_after_the_other) {
  fake_world world;
  const auto sum = []() -> task<int> {
    int total = 0;
    for (int i = 0; i < million; ++i) total += co_await one();
    co_return total;
  };
  EXPECT_EQ(world.run(sum()), million);
}

TEST(task_depth, a_million_yields_one_after_the_other) {
  fake_world world;
  world.run([]() -> task<> {
    for (int i = 0; i < million; ++i) co_await yield();
  }());
}

TEST(task_depth, a_million_operations_that_have_their_results_at_once) {
  fake_world world;
  world.kernel.at_once = true;
  const auto sum = []() -> task<std::int64_t> {
    std::int64_t total = 0;
    for (int i = 0; i < million; ++i) total += (co_await request()).value();
    co_return total;
  };
  EXPECT_EQ(world.run(sum()), 7LL * million);
}

TEST(task_depth, a_million_tasks_that_await_each_other) {
  const auto before = frame_pool::live();
  fake_world world;
  EXPECT_EQ(world.run(depth(million)), million);
  EXPECT_EQ(world.run(depth_with_a_wait(million)), million);
  EXPECT_EQ(frame_pool::live(), before);
}

// The destructor of each destroys the one that it keeps.
TEST(task_depth, a_million_tasks_that_keep_each_other_are_awaited) {
  const auto frames = frame_pool::live();
  fake_world world;
  EXPECT_EQ(world.run(kept_tasks(million)), million);
  EXPECT_EQ(frame_pool::live(), frames);
}

TEST(task_depth, a_million_tasks_that_keep_each_other_are_dropped) {
  const auto frames = frame_pool::live();
  {
    const task<std::int64_t> never_awaited = kept_tasks(million);
    EXPECT_GT(frame_pool::live(), frames + million);
  }
  EXPECT_EQ(frame_pool::live(), frames);
}

TEST(task_depth, an_exception_through_a_hundred_thousand_tasks) {
  fake_world world;
  EXPECT_THROW(world.run(fail_at_depth(100'000)), std::runtime_error);
}

TEST(task_depth, others_run_while_one_goes_deep) {
  fake_world world;
  bool deep = false;
  std::int64_t turns = 0;
  world.run(invoke([&]() -> task<> {
    spawn(invoke([&]() -> task<> {
      while (!deep) {
        ++turns;
        co_await yield();
      }
    }));
    co_await yield();
    co_await depth(100'000);
    deep = true;
  }));
  EXPECT_GT(turns, 100);
}

task<> sleep_within_tasks(int depth, int& stopped) {
  if (depth == 0) {
    stopped += !co_await sleep_for(std::chrono::hours(1));
    co_return;
  }
  switch (depth % 4) {
    case 0:
      co_await when_all(sleep_within_tasks(depth - 1, stopped), yield());
      co_return;
    case 1:
      (void)co_await when_any(sleep_within_tasks(depth - 1, stopped));
      co_return;
    case 2:
      (void)co_await with_timeout(sleep_within_tasks(depth - 1, stopped), std::chrono::hours(2));
      co_return;
    default:
      co_await with_stop_token(
          [&](std::stop_token) { return sleep_within_tasks(depth - 1, stopped); });
  }
}

TEST(task_depth, a_stop_goes_through_a_hundred_thousand_waits_for_tasks) {
  fake_world world;
  int stopped = 0;
  const auto main = [&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(sleep_within_tasks(100'000, stopped));
      (void)co_await sleep_for(std::chrono::seconds(1));
      children.request_stop();
    });
  };
  world.run(main());
  EXPECT_EQ(stopped, 1);
}

}  // namespace
}  // namespace gyre::testing_runtime
