#include "gyre/runtime/stop_on.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_stop_token.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

TEST(stop_on, ends_a_wait_when_another_thread_asks) {
  for (int i = 0; i < 200; ++i) {
    fake_world world;
    std::stop_source source;
    event never_set;
    std::thread other;
    world.run(invoke([&]() -> task<> {
      other = std::thread([&] { source.request_stop(); });
      EXPECT_EQ((co_await stop_on(source.get_token(), never_set.wait())).error(),
                std::errc::operation_canceled);
    }));
    other.join();
  }
}

TEST(stop_on, survives_a_request_at_the_moment_of_its_end) {
  for (int i = 0; i < 500; ++i) {
    fake_world world;
    std::stop_source source;
    std::thread other([&] { source.request_stop(); });
    world.run(invoke([&]() -> task<> {
      for (int round = 0; round < 50; ++round) {
        const auto slept = co_await stop_on(source.get_token(), sleep_for(0s));
        (void)slept;
      }
    }));
    other.join();
  }
}

TEST(stop_on, gives_what_came_before_the_request) {
  fake_world world;
  std::stop_source source;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        EXPECT_EQ((co_await stop_on(source.get_token(), request())).value(), 5);
      });
      co_await yield();
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), 5);
      source.request_stop();
    });
    EXPECT_EQ(world.kernel.counters().cancelled, 0U);
  }));
}

TEST(stop_on, stops_from_the_beginning_what_was_asked_before) {
  fake_world world;
  std::stop_source source;
  source.request_stop();
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ((co_await stop_on(source.get_token(), sleep_for(1h))).error(),
              std::errc::operation_canceled);
    EXPECT_TRUE(co_await stop_on(std::stop_token(), sleep_for(1s)));
    EXPECT_TRUE(co_await sleep_for(1s)) << "the awaiting task was stopped as well";
  }));
}

TEST(stop_on, gives_what_tasks_return_and_throw) {
  fake_world world;
  std::stop_source source;
  world.run(invoke([&]() -> task<> {
    const auto owned = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
    EXPECT_EQ(*co_await stop_on(source.get_token(), owned()), 4);
    const auto failing = []() -> task<> {
      co_await yield();
      throw std::runtime_error("on purpose");
    };
    bool failed = false;
    try {
      co_await stop_on(source.get_token(), failing());
    } catch (const std::runtime_error&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
  }));
}

TEST(stop_on, passes_on_a_stop_of_its_task_and_a_deadline) {
  fake_world world;
  std::stop_source source;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (int i = 0; i < 2; ++i)
          EXPECT_EQ((co_await stop_on(source.get_token(), sleep_for(1h))).error(),
                    std::errc::operation_canceled);
      });
      co_await yield();
      children.request_stop();
    });
    EXPECT_EQ((co_await with_timeout(stop_on(source.get_token(), sleep_for(1h)), 1s)).error(),
              std::errc::timed_out);
  }));
}

TEST(with_stop_token, passes_a_stop_on_to_who_has_the_token) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    bool told = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const int value = co_await with_stop_token([&](std::stop_token token) -> task<int> {
          const std::stop_callback on_stop(token, [&] { told = true; });
          EXPECT_EQ((co_await sleep_for(1h)).error(), std::errc::operation_canceled);
          co_return 7;
        });
        EXPECT_EQ(value, 7);
      });
      co_await yield();
      EXPECT_FALSE(told);
      children.request_stop();
      EXPECT_TRUE(told);
    });
  }));
}

TEST(with_stop_token, gives_one_that_was_asked_already_to_a_task_that_was_stopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      co_await with_stop_token([](std::stop_token token) -> task<> {
        EXPECT_TRUE(token.stop_requested());
        co_return;
      });
    });
  }));
}

TEST(with_stop_token, hands_on_what_the_task_throws_and_leaves_a_token_that_outlives_it) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    std::stop_token kept;
    const auto fails = [&](std::stop_token token) -> task<> {
      kept = token;
      co_await yield();
      throw std::runtime_error("told");
    };
    EXPECT_THROW(co_await with_stop_token(fails), std::runtime_error);
    EXPECT_FALSE(kept.stop_requested());
    EXPECT_FALSE(kept.stop_possible());
  }));
}

}  // namespace
}  // namespace gyre::testing_runtime
