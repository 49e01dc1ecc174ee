#include "gyre/runtime/shield.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

/// Two waits, which both have to last as long as they say.
task<int> two_waits() {
  EXPECT_TRUE(co_await sleep_for(10s));
  EXPECT_TRUE(co_await sleep_for(10s));
  co_return 42;
}

/// Runs `body` in a scope that is asked to stop after `span`.
template <class Body>
task<> stopped_after(std::chrono::seconds span, Body body) {
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(body);
    if (span > 0s) (void)co_await sleep_for(span);
    children.request_stop();
  });
}

TEST(shield, gives_what_the_task_gives) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(co_await shield(two_waits()), 42);
    const auto make = []() -> task<result<std::unique_ptr<int>>> {
      co_await yield();
      co_return std::make_unique<int>(8);
    };
    auto made = co_await shield(make());
    EXPECT_EQ(*made.value(), 8);
    co_await shield([]() -> task<> { co_return; }());
  }));
}

TEST(shield, keeps_a_stop_that_comes_meanwhile_from_the_task) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_EQ(co_await shield(two_waits()), 42);
    EXPECT_GE(world.home.now() - start, 20s);
    EXPECT_EQ((co_await sleep_for(1s)).error(), std::errc::operation_canceled);
  }));
}

TEST(shield, keeps_a_stop_that_came_before_from_the_task) {
  fake_world world;
  world.run(stopped_after(0s, [&]() -> task<> {
    EXPECT_EQ((co_await sleep_for(1s)).error(), std::errc::operation_canceled);
    EXPECT_EQ(co_await shield(two_waits()), 42);
    EXPECT_EQ((co_await sleep_for(1s)).error(), std::errc::operation_canceled);
    EXPECT_EQ(co_await shield(two_waits()), 42);
  }));
}

TEST(shield, leaves_a_stop_after_it_to_the_next_wait) {
  fake_world world;
  world.run(stopped_after(30s, [&]() -> task<> {
    EXPECT_EQ(co_await shield(two_waits()), 42);
    EXPECT_EQ((co_await sleep_for(1h)).error(), std::errc::operation_canceled);
  }));
}

TEST(shield, lets_deadlines_inside_of_it_work) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    const auto bounded = []() -> task<result<int>> {
      EXPECT_EQ((co_await with_timeout(request(), 5s)).error(), std::errc::timed_out);
      co_return co_await with_timeout(two_waits(), 1h);
    };
    EXPECT_EQ((co_await shield(bounded())).value(), 42);
    const auto waits = []() -> task<result<int>> { co_return co_await request(); };
    const auto bounded_task = [&]() -> task<result<int>> {
      co_return co_await with_timeout(waits(), 5s);
    };
    EXPECT_EQ((co_await shield(bounded_task())).error(), std::errc::timed_out);
    EXPECT_EQ(world.home.timers_armed(), 0U);
  }));
}

TEST(shield, keeps_a_deadline_outside_from_the_task) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    bool cleaned = false;
    const auto work = [&]() -> task<result<int>> {
      const auto answer = co_await request();
      cleaned = co_await shield(two_waits()) == 42;
      EXPECT_EQ((co_await request()).error(), std::errc::operation_canceled);
      co_return answer;
    };
    const auto start = world.home.now();
    EXPECT_EQ((co_await with_timeout(work(), 1s)).error(), std::errc::timed_out);
    EXPECT_TRUE(cleaned);
    EXPECT_GE(world.home.now() - start, 21s);
    EXPECT_TRUE(co_await sleep_for(1s)) << "the deadline was of the task alone";
  }));
}

TEST(shield, holds_for_all_that_the_task_awaits) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    int ended = 0;
    const auto work = [&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        for (int i = 0; i < 3; ++i)
          children.spawn([&]() -> task<> { ended += co_await two_waits() == 42; });
        ended += co_await invoke([]() -> task<int> { co_return co_await two_waits(); }) == 42;
      });
    };
    co_await shield(work());
    EXPECT_EQ(ended, 4);
  }));
}

TEST(shield, lets_a_scope_inside_of_it_be_stopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto work = []() -> task<> {
      co_await stopped_after(1s, []() -> task<> {
        EXPECT_EQ((co_await request()).error(), std::errc::operation_canceled);
      });
      EXPECT_TRUE(co_await sleep_for(1s));
    };
    co_await shield(work());
  }));
}

TEST(shield, may_be_within_another) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    const auto work = []() -> task<int> {
      co_await stopped_after(1s, []() -> task<> { EXPECT_EQ(co_await shield(two_waits()), 42); });
      co_return co_await two_waits();
    };
    EXPECT_EQ(co_await shield(work()), 42);
  }));
}

TEST(shield, lets_the_exception_of_the_task_out) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    const auto failing = []() -> task<int> {
      (void)co_await two_waits();
      throw std::runtime_error("failed");
    };
    std::string told;
    try {
      (void)co_await shield(failing());
    } catch (const std::runtime_error& error) {
      told = error.what();
    }
    EXPECT_EQ(told, "failed");
    EXPECT_EQ((co_await sleep_for(1s)).error(), std::errc::operation_canceled);
  }));
}

TEST(shield, holds_for_an_operation) {
  fake_world world;
  world.run(stopped_after(1s, [&]() -> task<> {
    spawn(invoke([&]() -> task<> {
      (void)co_await shield([]() -> task<> { (void)co_await sleep_for(5s); }());
      world.kernel.finish(*world.kernel.in_flight().front(), 9);
    }));
    EXPECT_EQ((co_await shield(request())).value(), 9);
    EXPECT_EQ(world.kernel.counters().cancelled, 0U);
    EXPECT_EQ((co_await request()).error(), std::errc::operation_canceled);
    world.kernel.at_once = true;
    EXPECT_EQ((co_await shield(request())).value(), 7);
  }));
}

TEST(shield, holds_for_a_link) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(stopped_after(0s, [&]() -> task<> {
    auto [cut, not_begun] = co_await link(request(), request());
    EXPECT_EQ(cut.error(), std::errc::operation_canceled);
    EXPECT_EQ(not_begun.error(), std::errc::operation_canceled);
    auto [first, second] = co_await shield(link(request(), request()));
    EXPECT_EQ(first.value(), 7);
    EXPECT_EQ(second.value(), 7);
  }));
}

TEST(shield, is_waited_for_at_the_end_of_run) {
  fake_world world;
  bool ended = false;
  world.run(invoke([&]() -> task<> {
    spawn(invoke([&]() -> task<> { ended = co_await shield(two_waits()) == 42; }));
    co_await yield();
  }));
  EXPECT_TRUE(ended);
}

TEST(shield, need_not_be_awaited) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    {
      [[maybe_unused]] const auto dropped = shield(two_waits());
    }
    co_return;
  }));
}

}  // namespace
}  // namespace gyre::testing_runtime
