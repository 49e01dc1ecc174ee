#include "gyre/runtime/run_on.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

task<> note_the_end(bool& ended) {
  (void)co_await sleep_for(24h);
  ended = true;
}

TEST(run, gives_what_its_task_returns_and_can_be_called_again) {
  fake_world world;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(world.run([](int value) -> task<int> {
      co_await yield();
      co_return value;
    }(i)),
              i);
}

TEST(run, throws_what_its_task_throws_and_can_be_called_again) {
  fake_world world;
  for (int i = 0; i < 3; ++i)
    EXPECT_THROW(world.run([]() -> task<int> {
      co_await yield();
      throw std::runtime_error("main");
    }()),
                 std::runtime_error);
  EXPECT_EQ(world.run([]() -> task<int> { co_return 1; }()), 1);
}

TEST(run, stops_detached_tasks_at_its_end_and_waits_for_them) {
  const auto before = frame_pool::live();
  fake_world world;
  bool ended = false;
  world.run(invoke([&]() -> task<> {
    spawn(note_the_end(ended));
    co_await yield();
    EXPECT_FALSE(ended);
  }));
  EXPECT_TRUE(ended);
  EXPECT_EQ(frame_pool::live(), before);
  EXPECT_EQ(world.home.timers_armed(), 0U);
}

TEST(run, stops_detached_tasks_when_its_task_throws) {
  fake_world world;
  bool ended = false;
  const auto main = [&]() -> task<> {
    spawn(note_the_end(ended));
    co_await yield();
    throw std::runtime_error("main");
  };
  EXPECT_THROW(world.run(main()), std::runtime_error);
  EXPECT_TRUE(ended);
}

TEST(run, ends_with_the_exception_of_a_detached_task) {
  fake_world world;
  std::string told;
  const auto main = []() -> task<> {
    spawn([]() -> task<> {
      co_await yield();
      throw std::runtime_error("detached");
    }());
    EXPECT_EQ((co_await sleep_for(24h)).error(), std::errc::operation_canceled);
  };
  try {
    world.run(main());
  } catch (const std::runtime_error& error) {
    told = error.what();
  }
  EXPECT_EQ(told, "detached");
}

TEST(run, ends_with_the_exception_of_a_detached_task_though_its_task_has_a_result) {
  fake_world world;
  const auto main = []() -> task<int> {
    spawn([]() -> task<> { throw std::runtime_error("detached"); }());
    (void)co_await sleep_for(1s);
    co_return 5;
  };
  EXPECT_THROW(world.run(main()), std::runtime_error);
}

TEST(run, lets_detached_tasks_detach_tasks_also_while_they_are_stopped) {
  fake_world world;
  bool ended = false;
  world.run(invoke([&]() -> task<> {
    spawn(invoke([&]() -> task<> {
      (void)co_await sleep_for(24h);
      spawn(note_the_end(ended));
    }));
    co_await yield();
  }));
  EXPECT_TRUE(ended);
}

TEST(run, tells_what_loop_runs) {
  fake_world world;
  EXPECT_EQ(loop::current_or_null(), nullptr);
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(&loop::current(), &world.home);
    co_return;
  }));
  EXPECT_EQ(loop::current_or_null(), nullptr);
  EXPECT_EQ(world.home.root(), nullptr);
}

/// Sets its event where it is delivered.
class setting_message final : public message {
 public:
  auto_reset_event arrived;

 private:
  void delivered() noexcept override { arrived.set(); }
};

/// Has a message posted while it looks.
class looking_kernel final : public backend_wrapper {
 public:
  looking_kernel() : backend_wrapper(std::make_unique<fake_backend>()) {}

  loop* home = nullptr;
  message* to_post = nullptr;
  int wakes = 0;

  bool looks() const noexcept override { return true; }
  bool look(steady_time, const inbox& messages) noexcept override {
    if (to_post) home->post(*std::exchange(to_post, nullptr));
    return !messages.empty();
  }
  void wake() noexcept override { ++wakes; }
};

TEST(run, takes_messages_while_its_backend_looks_without_being_woken) {
  auto kernel = std::make_unique<looking_kernel>();
  looking_kernel& looking = *kernel;
  loop home(std::move(kernel));
  setting_message message;
  looking.home = &home;
  looking.to_post = &message;
  run_on(home, invoke([&]() -> task<> { (void)co_await message.arrived.wait(); }));
  EXPECT_EQ(looking.wakes, 0);
  EXPECT_EQ(home.counters().messages, 1U);
}

TEST(run, ends_a_thousand_times_with_nothing_left) {
  const auto before = frame_pool::live();
  for (int i = 0; i < 1000; ++i) {
    fake_world world;
    bool ended = false;
    world.run(invoke([&]() -> task<> {
      spawn(note_the_end(ended));
      co_return;
    }));
    EXPECT_TRUE(ended);
  }
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(run_death, inside_of_run_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([&]() -> task<> {
          fake_world inner;
          inner.run([]() -> task<> { co_return; }());
          co_return;
        }));
      },
      "run\\(\\) was called inside of run\\(\\)");
}

TEST(run_death, what_needs_a_loop_says_so_where_none_runs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH((void)sleep_for(1s), "no loop runs on this thread");
  EXPECT_DEATH(spawn([]() -> task<> { co_return; }()), "no loop runs on this thread");
}

}  // namespace
}  // namespace gyre::testing_runtime
