#include "gyre/runtime/when_any.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>
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

task<int> give_after(std::chrono::seconds span, int value) {
  (void)co_await sleep_for(span);
  co_return value;
}
task<> sleep_until_stopped(int& stopped) {
  const auto slept = co_await sleep_for(24h);
  if (slept.error() == std::errc::operation_canceled) ++stopped;
}
task<int> fail_after(std::chrono::seconds span, const char* what) {
  (void)co_await sleep_for(span);
  throw std::runtime_error(what);
}

template <class Awaitable>
task<std::string> what_comes_out_of(Awaitable&& awaited) {
  try {
    (void)co_await awaited;
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(when_any, gives_the_first_and_has_stopped_and_joined_the_others) {
  fake_world world;
  int stopped = 0;
  bool joined = false;
  const auto slow_to_end = [&]() -> task<> {
    (void)co_await sleep_for(24h);
    for (int i = 0; i < 10; ++i) co_await yield();
    joined = true;
  };
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    auto first = co_await when_any(sleep_until_stopped(stopped), give_after(1s, 4), slow_to_end(),
                                   sleep_until_stopped(stopped));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(std::get<1>(first), 4);
    EXPECT_EQ(stopped, 2);
    EXPECT_TRUE(joined);
    EXPECT_LT(world.home.now() - start, 2s);
    EXPECT_EQ(world.home.timers_armed(), 0U);
    EXPECT_TRUE(co_await sleep_for(1s)) << "the awaiting task was stopped as well";
  }));
}

TEST(when_any, tells_which_of_a_range_was_the_first) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 300; ++i)
      tasks.push_back(give_after(std::chrono::seconds(i == 217 ? 1 : 100 + i), i * 10));
    auto [index, value] = co_await when_any(std::move(tasks));
    EXPECT_EQ(index, 217U);
    EXPECT_EQ(value, 2170);

    int stopped = 0;
    std::vector<task<>> nothings;
    nothings.push_back(sleep_until_stopped(stopped));
    nothings.push_back([]() -> task<> { co_return; }());
    EXPECT_EQ(co_await when_any(std::move(nothings)), 1U);
    EXPECT_EQ(stopped, 1);
  }));
}

TEST(when_any, takes_a_view_that_makes_tasks) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto make = [](int number) {
      return give_after(std::chrono::seconds(9 - number), number);
    };
    const auto first = co_await when_any(std::views::iota(0, 5) | std::views::transform(make));
    EXPECT_EQ(first.index, 4U);
    EXPECT_EQ(first.value, 4);
  }));
}

TEST(when_any, prefers_the_one_that_was_begun_first_where_several_end_at_once) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto first = co_await when_any(give_after(0s, 1), give_after(0s, 2), give_after(0s, 3));
    EXPECT_EQ(first.index(), 0U);
  }));
}

TEST(when_any, gives_what_can_only_be_moved_and_what_is_nothing) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    int stopped = 0;
    const auto owned = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
    auto first = co_await when_any(sleep_until_stopped(stopped), owned());
    EXPECT_EQ(*std::get<1>(first), 4);
    std::vector<task<std::unique_ptr<int>>> one;
    one.push_back(owned());
    auto [index, value] = co_await when_any(std::move(one));
    EXPECT_EQ(*value, 4);
    const auto nothing = []() -> task<> { co_return; };
    EXPECT_EQ((co_await when_any(nothing())).index(), 0U);
  }));
}

TEST(when_any, takes_operations_and_other_waits) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    event never_set;
    auto first =
        co_await when_any(request(), never_set.wait(), sleep_for(1s), with_timeout(request(), 5s));
    EXPECT_EQ(first.index(), 2U);
    EXPECT_TRUE(std::get<2>(first));
    EXPECT_EQ(world.kernel.counters().cancelled, 2U);
    EXPECT_TRUE(world.kernel.in_flight().empty());
  }));
}

TEST(when_any, counts_an_error_that_is_a_value_as_an_end) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto refuse = []() -> task<result<int>> { co_return std::errc::connection_refused; };
    auto first = co_await when_any(sleep_for(1s), refuse());
    EXPECT_EQ(std::get<1>(first).error(), std::errc::connection_refused);
  }));
}

TEST(when_any, waits_until_the_kernel_has_let_go_of_the_others) {
  fake_world world;
  world.kernel.cancels = false;
  world.run(invoke([&]() -> task<> {
    spawn(invoke([&]() -> task<> {
      (void)co_await sleep_for(5s);
      world.kernel.finish(*world.kernel.in_flight().front(), 3);
    }));
    const auto start = world.home.now();
    const auto first = co_await when_any(sleep_for(1s), request());
    EXPECT_EQ(first.index(), 0U);
    EXPECT_GE(world.home.now() - start, 5s);
  }));
}

TEST(when_any, destroys_a_result_that_came_too_late) {
  fake_world world;
  const auto kept = std::make_shared<int>(1);
  world.run(invoke([&]() -> task<> {
    const auto give = [&]() -> task<std::shared_ptr<int>> { co_return kept; };
    const auto first = co_await when_any(give(), give());
    EXPECT_EQ(first.index(), 0U);
    EXPECT_EQ(kept.use_count(), 2);
  }));
}

TEST(when_any, throws_the_exception_of_the_first_when_the_others_have_ended) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(co_await what_comes_out_of(when_any(sleep_until_stopped(stopped),
                                                  fail_after(1s, "first"), give_after(2s, 1))),
              "first");
    EXPECT_EQ(stopped, 1);
    std::vector<task<int>> range;
    range.push_back(give_after(2s, 1));
    range.push_back(fail_after(1s, "of a range"));
    EXPECT_EQ(co_await what_comes_out_of(when_any(std::move(range))), "of a range");
  }));
}

TEST(when_any, throws_what_goes_wrong_in_one_that_is_stopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(co_await what_comes_out_of(
                  when_any(give_after(1s, 1), fail_after(1h, "while it was stopped"))),
              "while it was stopped");
  }));
}

TEST(when_any, takes_an_exception_that_answers_the_stop_for_its_end) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto insist = []() -> task<> { (co_await sleep_for(1h)).value(); };
    const auto first = co_await when_any(insist(), give_after(1s, 4), insist());
    EXPECT_EQ(std::get<1>(first), 4);
  }));
}

TEST(when_any, passes_a_stop_on_whenever_it_comes) {
  fake_world world;
  int stopped = 0;
  const auto both = [&]() -> task<> {
    (void)co_await when_any(sleep_until_stopped(stopped), sleep_until_stopped(stopped));
    std::vector<task<>> range;
    for (int i = 0; i < 100; ++i) range.push_back(sleep_until_stopped(stopped));
    EXPECT_EQ(co_await when_any(std::move(range)), 0U);
  };
  for (int rounds = 0; rounds < 5; ++rounds) {
    stopped = 0;
    world.run(invoke([&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn(both());
        for (int i = 0; i < rounds; ++i) co_await yield();
        children.request_stop();
      });
    }));
    EXPECT_EQ(stopped, 102) << "stopped after " << rounds << " rounds";
  }
}

TEST(when_any, of_a_hundred_thousand) {
  const auto before = frame_pool::live();
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    std::vector<task<>> tasks;
    for (int i = 0; i < 100'000; ++i) tasks.push_back(sleep_until_stopped(stopped));
    tasks.push_back([]() -> task<> { (void)co_await sleep_for(1s); }());
    EXPECT_EQ(co_await when_any(std::move(tasks)), 100'000U);
  }));
  EXPECT_EQ(stopped, 100'000);
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(when_any, allocates_nothing_in_a_steady_state) {
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  const auto before = frame_pool::heap_allocations();
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  if (frame_pool::heap_allocations() != before) return;  // nothing is kept under AddressSanitizer
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto round = []() -> task<> {
      (void)co_await when_any(give_after(1s, 1), sleep_for(2s));
      (void)co_await when_any(std::views::iota(0, 100) | std::views::transform([](int number) {
                                return give_after(std::chrono::seconds(number), number);
                              }));
    };
    co_await round();
    const auto allocations = counted_heap::allocations();
    for (int i = 0; i < 10; ++i) co_await round();
    EXPECT_EQ(counted_heap::allocations(), allocations);
  }));
}

TEST(when_any_death, of_nothing_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      fake_world().run([]() -> task<> { (void)co_await when_any(std::vector<task<int>>()); }()),
      "when_any was given no task");
}

}  // namespace
}  // namespace gyre::testing_runtime
