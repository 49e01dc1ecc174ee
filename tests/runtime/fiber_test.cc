#include "gyre/runtime/fiber.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"
#include "gyre/tests/runtime/other_loop.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

task<int> number_later(int number) {
  (void)co_await sleep_for(1s);
  co_return number;
}

task<int> failure_later(const char* what) {
  (void)co_await sleep_for(1s);
  throw std::runtime_error(what);
}

TEST(fiber, gives_what_its_function_returns) {
  fake_world world;
  EXPECT_EQ(world.run(fiber([] { return 42; })), 42);
  bool ran = false;
  world.run(fiber([&] { ran = true; }));
  EXPECT_TRUE(ran);
  auto text = world.run(fiber([] { return std::make_unique<std::string>("owned"); }));
  EXPECT_EQ(*text, "owned");
}

TEST(fiber, awaits_what_a_coroutine_can) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(fiber([] {
    event set;
    mutex lock;
    EXPECT_EQ(await(number_later(5)), 5);
    EXPECT_TRUE(await(yield()));
    EXPECT_TRUE(await(sleep_for(1h)));
    EXPECT_EQ(await(request()).value(), 7);
    EXPECT_EQ(await(with_timeout(request(), 1s)).value(), 7);
    EXPECT_EQ(await(with_timeout(number_later(6), 1h)).value(), 6);
    EXPECT_EQ(await(with_timeout(number_later(6), 1us)).value(), 6);
    EXPECT_EQ(await(shield(number_later(8))), 8);
    EXPECT_EQ(await(invoke([]() -> task<int> { co_return 9; })), 9);
    const auto guard = await(lock.lock());
    EXPECT_TRUE(guard);
    const auto [one, two] = await(when_all(number_later(1), number_later(2)));
    EXPECT_EQ(one + two, 3);
    await(with_scope([&](scope& children) -> task<> {
      children.spawn(fiber([&] { set.set(); }));
      co_return;
    }));
    EXPECT_TRUE(await(set.wait()));
  }));
}

int sum_of(int count) {
  return count == 0 ? 0 : await(number_later(count)) + sum_of(count - 1);
}

TEST(fiber, awaits_below_functions_that_know_nothing_of_it) {
  fake_world world;
  EXPECT_EQ(world.run(fiber([] { return sum_of(100); })), 5050);
}

TEST(fiber, lets_others_run_meanwhile) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (char name : {'a', 'b', 'c'})
        children.spawn(fiber([&order, name] {
          for (int i = 0; i < 3; ++i) {
            order += name;
            await(yield());
          }
        }));
      co_return;
    });
  }));
  EXPECT_EQ(order, "abcabcabc");
}

TEST(fiber, may_begin_within_another) {
  fake_world world;
  EXPECT_EQ(world.run(fiber([] {
    return await(fiber([] { return await(fiber([] { return sum_of(3); })) * 2; })) + 1;
  })),
            13);
}

TEST(fiber, throws_what_its_function_throws) {
  fake_world world;
  std::string told;
  world.run(invoke([&]() -> task<> {
    try {
      co_await fiber([] { (void)await(failure_later("late")); });
    } catch (const std::runtime_error& error) {
      told = error.what();
    }
  }));
  EXPECT_EQ(told, "late");
  EXPECT_THROW((void)world.run(fiber([]() -> int { throw std::out_of_range("early"); })),
               std::out_of_range);
}

TEST(fiber, is_thrown_at_by_what_fails_to_begin) {
  const auto refuse = [](scope&) -> task<> { throw std::runtime_error("refused"); };
  fake_world world;
  world.run(fiber([&] {
    EXPECT_THROW(await(with_scope(refuse)), std::runtime_error);
    EXPECT_EQ(await(number_later(1)), 1);
  }));
}

/// Waits, throws and waits at each place where exceptions are under way.
int juggle(int seed) {
  class waits_when_destroyed {
   public:
    explicit waits_when_destroyed(int seed) : seed_(seed) {}
    ~waits_when_destroyed() {
      EXPECT_EQ(std::uncaught_exceptions(), 1);
      EXPECT_EQ(await(number_later(seed_)), seed_);
      EXPECT_EQ(std::uncaught_exceptions(), 1);
    }

   private:
    int seed_;
  };
  try {
    const waits_when_destroyed first(seed);
    throw seed;
  } catch (int caught) {
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    await(yield());
    try {
      (void)await(failure_later("inner"));
    } catch (const std::runtime_error& error) {
      await(sleep_for(std::chrono::seconds(seed % 3))).value();
      EXPECT_STREQ(error.what(), "inner");
      EXPECT_TRUE(std::current_exception());
    }
    try {
      throw;
    } catch (int again) {
      await(yield());
      return again == caught ? again : -1;
    }
  }
}

TEST(fiber, keeps_exceptions_apart_from_those_of_others) {
  fake_world world;
  int sum = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int seed = 1; seed <= 20; ++seed)
        children.spawn(fiber([&sum, seed] { sum += juggle(seed); }));
      for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(std::current_exception());
        EXPECT_EQ(std::uncaught_exceptions(), 0);
        co_await yield();
      }
    });
  }));
  EXPECT_EQ(sum, 210);
}

TEST(fiber, runs_in_a_loop_that_runs_in_a_handler) {
  try {
    throw 1;
  } catch (int) {
    fake_world world;
    world.run(fiber([] {
      EXPECT_FALSE(std::current_exception());
      EXPECT_EQ(juggle(2), 2);
    }));
    EXPECT_TRUE(std::current_exception());
  }
}

TEST(fiber, is_stopped_as_a_task_is) {
  fake_world world;
  bool cleaned = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(fiber([&] {
        EXPECT_EQ(await(sleep_for(24h)).error(), std::errc::operation_canceled);
        EXPECT_FALSE(await(yield()));
        EXPECT_EQ(await(request()).error(), std::errc::operation_canceled);
        cleaned = await(shield(number_later(3))) == 3;
      }));
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
  }));
  EXPECT_TRUE(cleaned);
}

TEST(fiber, has_deadlines_as_a_task_has) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto wait = [] { return await(request()); };
    EXPECT_EQ((co_await with_timeout(fiber(wait), 5s)).error(), std::errc::timed_out);
    const auto quick = co_await with_timeout(fiber([] { return await(number_later(2)); }), 5s);
    EXPECT_EQ(quick.value(), 2);
  }));
  EXPECT_EQ(world.home.timers_armed(), 0U);
}

TEST(fiber, loses_to_a_sibling_and_is_joined) {
  fake_world world;
  bool ended = false;
  world.run(invoke([&]() -> task<> {
    const auto won = co_await when_any(fiber([&] {
                                         const bool whole = await(sleep_for(1h)).has_value();
                                         await(yield());
                                         ended = true;
                                         return whole ? 1 : 2;
                                       }),
                                       number_later(3));
    EXPECT_EQ(won.index(), 1U);
  }));
  EXPECT_TRUE(ended);
}

TEST(fiber, may_be_dropped_before_it_has_begun) {
  fake_world world;
  const auto live = fiber_stack::live();
  auto owned = std::make_shared<int>(1);
  {
    const auto dropped = fiber([owned] { return *owned; });
    EXPECT_EQ(owned.use_count(), 2);
    EXPECT_EQ(fiber_stack::live(), live);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(fiber, ends_many_transfers_without_deepening_a_stack) {
  fake_world world;
  EXPECT_EQ(world.run(fiber([] {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i) sum += await(invoke([]() -> task<int> { co_return 1; }));
    return sum;
  })),
            100'000);
}

TEST(fiber, asks_the_kernel_for_no_stack_in_a_steady_state) {
  fake_world world;
  const auto in_use = fiber_stack::live();
  world.run(invoke([&]() -> task<> {
    const auto round = []() -> task<> {
      co_await with_scope([](scope& children) -> task<> {
        for (int i = 0; i < 50; ++i)
          children.spawn(fiber([] {
            for (int k = 0; k < 10; ++k) await(yield());
          }));
        co_return;
      });
    };
    co_await round();
    const auto mapped = fiber_stack::mapped();
    const auto live = frame_pool::live();
    for (int i = 0; i < 5; ++i) co_await round();
    EXPECT_EQ(fiber_stack::mapped(), mapped);
    EXPECT_EQ(frame_pool::live(), live);
  }));
  EXPECT_EQ(fiber_stack::live(), in_use);
}

TEST(fiber, allocates_nothing_to_await) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(fiber([] {
    mutex lock;
    (void)await(request());
    const auto before = counted_heap::allocations();
    const auto live = frame_pool::live();
    for (int i = 0; i < 100; ++i) {
      await(yield());
      (void)await(request());
      EXPECT_TRUE(await(sleep_for(1s)));
      EXPECT_TRUE(await(with_timeout(request(), 1s)));
      EXPECT_TRUE(await(lock.lock()));
      EXPECT_EQ(frame_pool::live(), live);
    }
    EXPECT_EQ(counted_heap::allocations(), before);
  }));
}

std::string refusal_of(std::size_t stack_size) {
  try {
    const auto refused = fiber([] {}, stack_size);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(fiber, refuses_stacks_of_unusual_sizes_and_names_them) {
  EXPECT_EQ(refusal_of(0), "a fiber's stack of 0 bytes: expected 16384 to 1073741824");
  EXPECT_NE(refusal_of(16383).find("16383 bytes"), std::string::npos);
  EXPECT_NE(refusal_of((std::size_t{1} << 30) + 1).find("1073741825"), std::string::npos);
  EXPECT_NE(refusal_of(~std::size_t{0}).find("18446744073709551615"), std::string::npos);
  EXPECT_EQ(refusal_of(16384), "");
  EXPECT_EQ(refusal_of(std::size_t{1} << 30), "");
}

/// Takes at least `bytes` of the stack.
[[gnu::noinline]] std::size_t use_stack(std::size_t bytes) {
  std::array<volatile char, 2048> some;
  for (std::size_t i = 0; i < some.size(); i += 64) some[i] = static_cast<char>(i);
  std::size_t rest = bytes > some.size() ? use_stack(bytes - some.size()) : 0;
  // Else a loop may be made of the calls, each with the same array.
  asm volatile("" : "+r"(rest) : "r"(some.data()) : "memory");
  return rest + static_cast<std::size_t>(some[64]);
}

TEST(fiber, has_as_much_stack_as_it_asked_for) {
  fake_world world;
  EXPECT_GT(world.run(fiber([] { return use_stack(100 << 10); })), 0U);
  EXPECT_GT(world.run(fiber([] { return use_stack(4 << 20); }, 8 << 20)), 0U);
}

TEST(fiber_death, comes_of_a_stack_that_is_too_small) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  fake_world world;
  EXPECT_DEATH((void)world.run(fiber([] { return use_stack(400 << 10); })), "");
}

TEST(fiber_death, comes_of_awaiting_outside_of_fibers) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(await(yield()), "outside of a fiber");
  fake_world world;
  const auto in_a_coroutine = []() -> task<> {
    await(yield());
    co_return;
  };
  EXPECT_DEATH(world.run(fiber([&] { await(in_a_coroutine()); })), "outside of a fiber");
}

TEST(fiber_death, comes_of_going_to_another_loop) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leave = [](loop& other) -> task<> {
    co_await travel(fiber([&other] { (void)await(resume_on(other)); }));
  };
  EXPECT_DEATH(run_beside(leave), "a fiber went on on another thread");
}

TEST(fiber_death, comes_of_destroying_one_that_waits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  fake_world world;
  const auto destroy = []() -> task<> {
    task<> waiting = fiber([] { (void)await(sleep_for(1h)); });
    const auto coroutine = waiting.coroutine().handle();
    const auto await_it = [&]() -> task<> { co_await std::move(waiting); };
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(await_it());
      co_await yield();
      coroutine.destroy();
    });
  };
  EXPECT_DEATH(world.run(destroy()), "a fiber was destroyed before it had ended");
}

}  // namespace
}  // namespace gyre::testing_runtime
