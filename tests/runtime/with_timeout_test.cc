#include "gyre/runtime/with_timeout.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

/// Ends the only operation in flight after `span`.
void finish_after(fake_world& world, std::chrono::seconds span, int answer) {
  spawn(invoke([&world, span, answer]() -> task<> {
    (void)co_await sleep_for(span);
    if (!world.kernel.in_flight().empty())
      world.kernel.finish(*world.kernel.in_flight().front(), answer);
  }));
}

TEST(with_timeout, gives_an_operations_result_when_it_is_in_time) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    finish_after(world, 1s, 5);
    EXPECT_EQ((co_await with_timeout(request(), 2s)).value(), 5);
    EXPECT_EQ(world.home.timers_armed(), 0U);
    EXPECT_EQ(world.kernel.counters().cancelled, 0U);
  }));
}

TEST(with_timeout, gives_an_operations_error_when_it_is_in_time) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    finish_after(world, 1s, -ECONNRESET);
    EXPECT_EQ((co_await with_timeout(request(), 2s)).error(), std::errc::connection_reset);
  }));
}

TEST(with_timeout, ends_an_operation_at_the_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_EQ((co_await with_timeout(request(), 2s)).error(), std::errc::timed_out);
    EXPECT_GE(world.home.now() - start, 2s);
    EXPECT_EQ(world.kernel.counters().cancelled, 1U);
  }));
}

TEST(with_timeout, delivers_the_result_of_an_operation_that_won_against_its_cancellation) {
  fake_world world;
  world.kernel.cancels = false;
  world.run(invoke([&]() -> task<> {
    finish_after(world, 3s, 9);
    const auto start = world.home.now();
    EXPECT_EQ((co_await with_timeout(request(), 2s)).value(), 9);
    EXPECT_GE(world.home.now() - start, 3s) << "the kernel had not let go yet";
    EXPECT_EQ(world.kernel.counters().cancelled, 1U);
  }));
}

TEST(with_timeout, takes_a_result_that_is_there_at_once) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ((co_await with_timeout(request(), 0s)).value(), 7);
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(with_timeout, arms_no_timer_for_never) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    finish_after(world, 1s, 5);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(
          []() -> task<> { EXPECT_EQ((co_await with_deadline(request(), never)).value(), 5); });
      co_await yield();
      co_await yield();
      EXPECT_EQ(world.home.timers_armed(), 1U);  // that of finish_after
    });
  }));
}

TEST(with_timeout, tells_a_stop_from_the_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> {
        EXPECT_EQ((co_await with_timeout(request(), 2s)).error(), std::errc::operation_canceled);
        EXPECT_EQ((co_await with_timeout(request(), 0s)).error(), std::errc::operation_canceled);
      });
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
  }));
}

TEST(with_timeout, is_a_stop_where_that_comes_before_a_slow_cancellation_has_ended) {
  fake_world world;
  world.kernel.cancels = false;
  world.run(invoke([&]() -> task<> {
    finish_after(world, 3s, -ECANCELED);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> {
        EXPECT_EQ((co_await with_timeout(request(), 1s)).error(), std::errc::operation_canceled);
      });
      (void)co_await sleep_for(2s);
      children.request_stop();
    });
  }));
}

task<int> answer_after(std::chrono::seconds span) {
  (void)co_await sleep_for(span);
  co_return 42;
}

TEST(with_timeout, gives_what_a_task_returns_when_it_is_in_time) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ((co_await with_timeout(answer_after(1s), 2s)).value(), 42);
    EXPECT_TRUE(co_await with_timeout([]() -> task<> { co_return; }(), 2s));
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(with_timeout, stops_a_task_at_the_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto wait = []() -> task<result<int>> { co_return co_await request(); };
    EXPECT_EQ((co_await with_timeout(wait(), 2s)).error(), std::errc::timed_out);

    const auto sleep_long = []() -> task<> { (void)co_await sleep_for(1h); };
    const auto start = world.home.now();
    EXPECT_EQ((co_await with_timeout(sleep_long(), 2s)).error(), std::errc::timed_out);
    EXPECT_LT(world.home.now() - start, 3s);
  }));
}

TEST(with_timeout, delivers_what_a_task_returns_after_the_deadline) {
  fake_world world;
  world.run(invoke(
      [&]() -> task<> { EXPECT_EQ((co_await with_timeout(answer_after(5s), 2s)).value(), 42); }));
}

TEST(with_timeout, takes_what_can_only_be_moved) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto make = []() -> task<result<std::unique_ptr<int>>> {
      co_await yield();
      co_return std::make_unique<int>(8);
    };
    auto made = co_await with_timeout(make(), 1s);
    EXPECT_EQ(*made.value(), 8);
  }));
}

TEST(with_timeout, lets_the_exception_of_a_task_out) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto failing = []() -> task<int> {
      (void)co_await sleep_for(1h);
      throw std::runtime_error("stopped");
    };
    std::string told;
    try {
      (void)co_await with_timeout(failing(), 1s);
    } catch (const std::runtime_error& error) {
      told = error.what();
    }
    EXPECT_EQ(told, "stopped");
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(with_timeout, leaves_the_task_around_it_unstopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    (void)co_await with_timeout(answer_after(5s), 1s);
    EXPECT_TRUE(co_await sleep_for(1s));
    EXPECT_EQ((co_await with_timeout(request(), 1s)).error(), std::errc::timed_out);
  }));
}

/// Timeouts one in the other, of which number `shortest` is the first to pass.
task<result<int>> nest(int levels, int shortest) {
  if (levels == 0) co_return co_await request();
  const auto span = levels == shortest ? 1s : 10s;
  const auto inner = co_await with_timeout(nest(levels - 1, shortest), span);
  const auto expected = levels >= shortest ? std::errc::timed_out : std::errc::operation_canceled;
  EXPECT_EQ(inner.error(), expected) << levels << " of " << shortest;
  co_return inner;
}

TEST(with_timeout, counts_the_shortest_of_many) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    for (int shortest = 1; shortest <= 5; ++shortest) {
      const auto start = world.home.now();
      EXPECT_EQ((co_await nest(5, shortest)).error(), std::errc::timed_out);
      EXPECT_LT(world.home.now() - start, 2s);
    }
  }));
}

TEST(with_timeout, goes_around_any_wait) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    event happened;
    EXPECT_EQ((co_await with_timeout(happened.wait(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(sleep_for(2s), 1s)).error(), std::errc::timed_out);
    EXPECT_TRUE(co_await with_timeout(sleep_for(1s), 2s));
    happened.set();
    EXPECT_TRUE(co_await with_timeout(happened.wait(), 1s));
    EXPECT_TRUE((co_await with_timeout(yield(), 1s)).value());
    auto wait = happened.wait();
    EXPECT_TRUE(co_await with_deadline(wait, world.home.now()));
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(with_timeout, goes_around_another_timeout) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_EQ((co_await with_timeout(with_timeout(request(), 5s), 1s)).error(),
              std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(with_timeout(request(), 1s), 5s)).error(),
              std::errc::timed_out);
    EXPECT_LT(world.home.now() - start, 3s);
  }));
}

TEST(with_timeout, stops_all_of_a_scope_at_the_deadline) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    const auto body = [&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { stopped += !co_await sleep_for(1h); });
      co_return;
    };
    EXPECT_EQ((co_await with_timeout(with_scope(body), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ(stopped, 3);
    EXPECT_TRUE(co_await with_timeout(with_scope([](scope&) -> task<> { co_return; }), 1s));
  }));
}

TEST(with_timeout, around_a_scope_whose_body_never_began_leaves_no_timer) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto body = [](scope&) -> task<> { throw std::runtime_error("at once"); };
    bool failed = false;
    try {
      (void)co_await with_timeout(with_scope(body), 1s);
    } catch (const std::runtime_error&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(with_timeout, around_a_wait_tells_a_stop_from_the_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    event never_set;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (int i = 0; i < 2; ++i)
          EXPECT_EQ((co_await with_timeout(never_set.wait(), 2s)).error(),
                    std::errc::operation_canceled);
      });
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
  }));
}

/// Makes the loop so busy that a deadline passes before whoever has just ended goes on.
void keep_the_loop_busy(scope& children, fake_world& world) {
  for (int i = 0; i < 5'000; ++i)
    children.spawn([&world]() -> task<> {
      world.kernel.advance(1ms);
      co_return;
    });
}

TEST(with_timeout, of_what_gives_nothing_and_has_ended_in_time_is_no_timeout) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& busy) -> task<> {
      const auto nothing = [&](scope&) -> task<> {
        keep_the_loop_busy(busy, world);
        co_return;
      };
      EXPECT_TRUE(co_await with_timeout(with_scope(nothing), 100ms));
    });
  }));
}

/// Keeps the loop busy, and ends by so many transfers.
task<> end_by_transfers(int left, scope& busy, fake_world& world) {
  if (left > 0) co_return co_await end_by_transfers(left - 1, busy, world);
  co_await yield();
  keep_the_loop_busy(busy, world);
}

TEST(with_timeout, of_a_task_that_has_ended_in_time_is_no_timeout) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    // Of 129 transfers in a row the last one leads through the ready queue.
    for (int before = 120; before <= 128; ++before)
      co_await with_scope([&](scope& busy) -> task<> {
        co_await yield();
        EXPECT_TRUE(co_await with_timeout(end_by_transfers(before, busy, world), 100ms)) << before;
      });
  }));
}

}  // namespace
}  // namespace gyre::testing_runtime
