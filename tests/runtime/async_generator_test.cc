#include "gyre/runtime/async_generator.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

async_generator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
}
async_generator<int> tick(std::chrono::seconds span) {
  for (int i = 0;; ++i) {
    const auto slept = co_await sleep_for(span);
    if (!slept) co_return;
    co_yield i;
  }
}

TEST(async_generator, gives_its_values_and_then_none) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    auto numbers = count_to(3);
    std::vector<int> got;
    while (const auto each = co_await numbers.next()) got.push_back(*each);
    EXPECT_EQ(got, (std::vector<int>{1, 2, 3}));
    EXPECT_FALSE(co_await numbers.next());
    auto none = count_to(0);
    EXPECT_FALSE(co_await none.next());
  }));
}

TEST(async_generator, gives_what_can_only_be_moved) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto make = []() -> async_generator<std::unique_ptr<int>> {
      for (int i = 0; i < 2; ++i) {
        co_await yield();
        co_yield std::make_unique<int>(i);
      }
    };
    auto owners = make();
    EXPECT_EQ(**co_await owners.next(), 0);
    const auto second = co_await owners.next();
    EXPECT_EQ(**second, 1);
    EXPECT_FALSE(co_await owners.next());
  }));
}

TEST(async_generator, awaits_between_its_values) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    auto ticks = tick(1s);
    const auto start = world.home.now();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(co_await ticks.next(), i);
    EXPECT_GE(world.home.now() - start, 5s);
    EXPECT_LT(world.home.now() - start, 6s);
  }));
}

TEST(async_generator, throws_out_of_next_and_ends) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto make = []() -> async_generator<int> {
      co_yield 1;
      throw std::runtime_error("after one");
    };
    auto numbers = make();
    EXPECT_EQ(co_await numbers.next(), 1);
    std::string told;
    try {
      (void)co_await numbers.next();
    } catch (const std::runtime_error& error) {
      told = error.what();
    }
    EXPECT_EQ(told, "after one");
    EXPECT_FALSE(co_await numbers.next());
  }));
}

TEST(async_generator, is_reached_by_a_stop_whenever_it_comes) {
  fake_world world;
  for (int rounds = 0; rounds < 5; ++rounds) {
    bool ended = false;
    world.run(invoke([&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          auto ticks = tick(1h);
          EXPECT_FALSE(co_await ticks.next());
          ended = true;
        });
        for (int i = 0; i < rounds; ++i) co_await yield();
        children.request_stop();
      });
    }));
    EXPECT_TRUE(ended);
  }
}

TEST(async_generator, is_reached_by_a_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    auto ticks = tick(2s);
    EXPECT_EQ(**co_await with_timeout(ticks.next(), 3s), 0);
    EXPECT_FALSE(*co_await with_timeout(ticks.next(), 1s));
  }));
}

TEST(async_generator, may_be_awaited_by_one_task_after_the_other) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    auto ticks = tick(1s);
    for (int i = 0; i < 3; ++i) {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> { EXPECT_EQ(co_await ticks.next(), i); });
        co_return;
      });
    }
  }));
}

TEST(async_generator, may_be_destroyed_before_its_end) {
  const auto before = frame_pool::live();
  const auto kept = std::make_shared<int>(1);
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto make = [](std::shared_ptr<int> held) -> async_generator<int> {
      const auto copy = held;
      for (;;) co_yield *copy;
    };
    {
      auto numbers = make(kept);
      const auto unused = make(kept);
      EXPECT_EQ(co_await numbers.next(), 1);
      EXPECT_GT(kept.use_count(), 1);
    }
    EXPECT_EQ(kept.use_count(), 1);
  }));
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(async_generator, of_a_million_values_allocates_nothing_for_each) {
  fake_world world;
  std::int64_t sum = 0;
  world.run(invoke([&]() -> task<> {
    auto numbers = count_to(1'000'000);
    const auto allocations = counted_heap::allocations();
    while (const auto each = co_await numbers.next()) sum += *each;
    EXPECT_EQ(counted_heap::allocations(), allocations);
  }));
  EXPECT_EQ(sum, 500'000'500'000);
}

TEST(async_generator_death, destroyed_while_it_is_awaited_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(fake_world().run(invoke([]() -> task<> {
    auto ticks = std::make_unique<async_generator<int>>(tick(1h));
    spawn(invoke([&]() -> task<> { (void)co_await ticks->next(); }));
    co_await yield();
    ticks.reset();
  })),
               "destroyed while its next\\(\\) was awaited");
}

}  // namespace
}  // namespace gyre::testing_runtime
