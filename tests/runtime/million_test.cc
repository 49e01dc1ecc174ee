#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"

// What a loop is to bear: a million of each.
namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

constexpr int million = 1'000'000;

task<> count(int& ended) {
  ++ended;
  co_return;
}

TEST(a_million, tasks_at_once_are_joined) {
  const auto frames = frame_pool::live();
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < million; ++i) children.spawn(count(ended));
      EXPECT_EQ(children.size(), million + 1U);
      co_return;
    });
    EXPECT_EQ(ended, million);
  }));
  EXPECT_EQ(frame_pool::live(), frames);
}

TEST(a_million, tasks_one_after_the_other_take_the_memory_of_one) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      std::int64_t live = 0;
      for (int i = 0; i < million; ++i) {
        children.spawn(count(ended));
        co_await yield();
        if (i == 10) live = counted_heap::live();
      }
      EXPECT_EQ(counted_heap::live(), live);
    });
  }));
  EXPECT_EQ(ended, million);
}

// Half of them are stopped while all are armed.
TEST(a_million, sleepers_wake_or_are_stopped) {
  const auto frames = frame_pool::live();
  fake_world world;
  int slept = 0;
  int stopped = 0;
  const auto sleep = [&](int number) -> task<> {
    const bool woke = (co_await sleep_for(1ms + number * 1us)).has_value();
    ++(woke ? slept : stopped);
  };
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& patient) -> task<> {
      co_await with_scope([&](scope& impatient) -> task<> {
        for (int i = 0; i < million; ++i) (i % 2 ? patient : impatient).spawn(sleep(i));
        while (world.home.timers_armed() < million) co_await yield();
        impatient.request_stop();
      });
      EXPECT_EQ(stopped, million / 2);
      EXPECT_EQ(world.home.timers_armed(), million / 2U);
    });
  }));
  EXPECT_EQ(slept, million / 2);
  EXPECT_EQ(world.home.counters().timers_fired, million / 2U);
  EXPECT_EQ(frame_pool::live(), frames);
}

}  // namespace
}  // namespace gyre::testing_runtime
