#include "gyre/runtime/when_all.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
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

task<int> give(int value) {
  co_return value;
}
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
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(when_all, gives_all_results_in_order) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    const auto text = []() -> task<std::string> { co_return "text"; };
    auto [a, b, c] = co_await when_all(give_after(3s, 1), text(), give_after(2s, 3));
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, "text");
    EXPECT_EQ(c, 3);
    EXPECT_LT(world.home.now() - start, 4s) << "one after the other";
  }));
}

TEST(when_all, gives_a_vector_for_a_range) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 300; ++i) tasks.push_back(give_after(std::chrono::seconds(300 - i), i));
    const std::vector<int> values = co_await when_all(std::move(tasks));
    EXPECT_EQ(values.size(), 300U);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  }));
}

TEST(when_all, takes_a_view_that_makes_tasks) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto values = co_await when_all(std::views::iota(0, 5) | std::views::transform(give));
    EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 3, 4}));
    const auto odd = [](int number) { return number % 2 != 0; };
    const auto some = co_await when_all(std::views::iota(0, 100) | std::views::filter(odd) |
                                        std::views::transform(give));
    EXPECT_EQ(some.size(), 50U);
    EXPECT_EQ(some.back(), 99);
  }));
}

TEST(when_all, takes_what_gives_nothing_and_what_can_only_be_moved) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    int ran = 0;
    const auto nothing = [&]() -> task<> {
      ++ran;
      co_return;
    };
    const auto owned = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
    auto [none, four] = co_await when_all(nothing(), owned());
    static_assert(std::is_same_v<decltype(none), std::monostate>);
    EXPECT_EQ(*four, 4);

    std::vector<task<>> nothings;
    for (int i = 0; i < 3; ++i) nothings.push_back(nothing());
    static_assert(std::is_void_v<await_result<decltype(when_all(std::move(nothings)))>>);
    co_await when_all(std::move(nothings));
    EXPECT_EQ(ran, 4);

    std::vector<task<std::unique_ptr<int>>> several;
    for (int i = 0; i < 3; ++i) several.push_back(owned());
    const auto owners = co_await when_all(std::move(several));
    EXPECT_EQ(*owners.at(2), 4);
  }));
}

TEST(when_all, of_nothing_ends_at_once) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto resumed = world.home.counters().resumed;
    static_assert(std::is_same_v<await_result<decltype(when_all())>, std::tuple<>>);
    co_await when_all();
    EXPECT_TRUE((co_await when_all(std::vector<task<int>>())).empty());
    co_await when_all(std::vector<task<>>());
    EXPECT_EQ(world.home.counters().resumed, resumed);
  }));
}

TEST(when_all, begins_its_children_in_order) {
  fake_world world;
  std::vector<int> order;
  const auto note = [&](int number) -> task<> {
    order.push_back(number);
    co_return;
  };
  world.run(invoke([&]() -> task<> {
    co_await when_all(note(0), note(1), note(2));
    std::vector<task<>> more;
    for (int i = 3; i < 200; ++i) more.push_back(note(i));
    co_await when_all(std::move(more));
  }));
  EXPECT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(when_all, takes_operations_and_other_waits) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    event happened;
    spawn(invoke([&]() -> task<> {
      (void)co_await sleep_for(1s);
      world.kernel.finish(*world.kernel.in_flight().front(), 5);
      world.kernel.finish(*world.kernel.in_flight().front(), -ECONNRESET);
      happened.set();
    }));
    auto [first, second, third, slept, got] = co_await when_all(
        request(), request(), happened.wait(), with_timeout(sleep_for(1h), 2s), give(3));
    EXPECT_EQ(first.value(), 5);
    EXPECT_EQ(second.error(), std::errc::connection_reset);
    EXPECT_TRUE(third);
    EXPECT_EQ(slept.error(), std::errc::timed_out);
    EXPECT_EQ(got, 3);
  }));
}

TEST(when_all, stops_the_others_at_the_first_exception_and_throws_it_when_all_have_ended) {
  fake_world world;
  int stopped = 0;
  int ended = 0;
  const auto slow_to_end = [&]() -> task<> {
    (void)co_await sleep_for(1h);
    for (int i = 0; i < 10; ++i) co_await yield();
    ++ended;
  };
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_EQ(co_await what_comes_out_of(when_all(sleep_until_stopped(stopped),
                                                  fail_after(2s, "second"), fail_after(1s, "first"),
                                                  slow_to_end(), sleep_until_stopped(stopped))),
              "first");
    EXPECT_EQ(stopped, 2);
    EXPECT_EQ(ended, 1) << "was not joined";
    EXPECT_LT(world.home.now() - start, 3s);
    EXPECT_TRUE(co_await sleep_for(1s)) << "the awaiting task was stopped as well";
  }));
}

TEST(when_all, of_a_range_stops_the_others_at_the_first_exception) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(give_after(24h, i));
    tasks.push_back(fail_after(1s, "the last"));
    const auto start = world.home.now();
    EXPECT_EQ(co_await what_comes_out_of(when_all(std::move(tasks))), "the last");
    EXPECT_LT(world.home.now() - start, 2s);
  }));
}

TEST(when_all, does_not_take_an_error_that_is_a_value_for_an_exception) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto refuse = []() -> task<result<int>> { co_return std::errc::connection_refused; };
    auto [refused, slept] = co_await when_all(refuse(), sleep_for(1s));
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
    EXPECT_TRUE(slept);
  }));
}

TEST(when_all, passes_a_stop_on_whenever_it_comes) {
  fake_world world;
  int stopped = 0;
  const auto both = [&]() -> task<> {
    co_await when_all(sleep_until_stopped(stopped), sleep_until_stopped(stopped));
    std::vector<task<>> range;
    for (int i = 0; i < 100; ++i) range.push_back(sleep_until_stopped(stopped));
    co_await when_all(std::move(range));
  };
  // Before it has begun, before its children have, while they wait.
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

TEST(when_all, delivers_results_that_came_before_the_stop) {
  fake_world world;
  world.kernel.cancels = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> {
        auto [a, b] = co_await when_all(request(), request());
        EXPECT_EQ(a.value(), 1);
        EXPECT_EQ(b.value(), 2);
      });
      co_await yield();
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), 1);
      children.request_stop();
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), 2);
    });
  }));
}

TEST(when_all, under_a_deadline_ends_all_its_children) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    auto both = co_await with_timeout(when_all(sleep_for(1h), give_after(1s, 4)), 2s);
    EXPECT_EQ(std::get<0>(*both).error(), std::errc::operation_canceled);
    EXPECT_EQ(std::get<1>(*both), 4) << "a result that came in time";
  }));
}

task<int> count_leaves(int depth) {
  if (depth == 0) co_return 1;
  auto [left, right] = co_await when_all(count_leaves(depth - 1), count_leaves(depth - 1));
  co_return left + right;
}

task<int> nest(int depth) {
  if (depth == 0) co_return 0;
  auto [inner] = co_await when_all(nest(depth - 1));
  co_return inner + 1;
}

TEST(when_all, goes_deep_and_wide) {
  const auto before = frame_pool::live();
  fake_world world;
  EXPECT_EQ(world.run(count_leaves(16)), 1 << 16);
  EXPECT_EQ(world.run(nest(100'000)), 100'000);
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(when_all, of_a_million) {
  const auto before = frame_pool::live();
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto values =
        co_await when_all(std::views::iota(0, 1'000'000) | std::views::transform(give));
    EXPECT_EQ(values.size(), 1'000'000U);
    EXPECT_EQ(values.back(), 999'999);
  }));
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(when_all, allocates_nothing_but_the_vector_of_its_results) {
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  const auto before = frame_pool::heap_allocations();
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  if (frame_pool::heap_allocations() != before) return;  // nothing is kept under AddressSanitizer
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto round = []() -> task<> {
      co_await when_all(give(1), give(2), sleep_for(1us));
      (void)co_await when_all(std::views::iota(0, 1000) | std::views::transform(give));
    };
    co_await round();
    const auto allocations = counted_heap::allocations();
    for (int i = 0; i < 10; ++i) co_await round();
    EXPECT_EQ(counted_heap::allocations() - allocations, 10U);
  }));
}

}  // namespace
}  // namespace gyre::testing_runtime
