#include "gyre/runtime/resume_on.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/other_loop.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

task<> go_to(loop& to) {
  EXPECT_TRUE(co_await resume_on(to));
  EXPECT_EQ(&loop::current(), &to);
}

TEST(resume_on, goes_on_on_the_other_loop_and_comes_home) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    const auto journey = [&]() -> task<std::unique_ptr<int>> {
      EXPECT_EQ(&loop::current(), &home);
      EXPECT_TRUE(co_await resume_on(home));
      for (int i = 0; i < 3; ++i) {
        co_await go_to(other);
        EXPECT_EQ(&loop::current(), &other) << "those that await what left have not";
        EXPECT_TRUE(co_await resume_on(other));
        EXPECT_TRUE(co_await sleep_for(1h));
        EXPECT_EQ(&loop::current(), &other);
        co_await go_to(home);
        co_await yield();
      }
      co_await go_to(other);
      co_return std::make_unique<int>(7);
    };
    EXPECT_EQ(*co_await travel(journey()), 7);
    EXPECT_EQ(&loop::current(), &home);
  });
}

TEST(resume_on, brings_exceptions_home) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    std::string said;
    try {
      co_await travel(invoke([&]() -> task<> {
        co_await go_to(other);
        throw std::runtime_error("far away");
      }));
    } catch (const std::runtime_error& failure) {
      said = failure.what();
    }
    EXPECT_EQ(said, "far away");
    EXPECT_EQ(&loop::current(), &home);
  });
}

TEST(resume_on, is_followed_by_a_stop) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    const auto journey = [&]() -> task<result<void>> {
      co_await go_to(other);
      const auto waited = co_await wait_for_ever();
      // A stop keeps nobody from going where things have to be put in order.
      co_await go_to(home);
      co_await go_to(other);
      co_return waited;
    };
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ((co_await with_timeout(travel(journey()), 1s)).error(), std::errc::timed_out);
  });
}

TEST(resume_on, survives_a_stop_at_any_moment) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    int came_home = 0;
    for (int round = 0; round < 2000; ++round) {
      const auto journey = [&]() -> task<> {
        for (int i = 0; i < 3; ++i) {
          co_await go_to(other);
          for (int turns = 0; turns < round % 3; ++turns) co_await yield();
          if (round % 2 == 0) (void)co_await sleep_for(1s);
          if (i < 2) co_await go_to(home);
        }
      };
      const auto set_out = [&]() -> task<> {
        co_await travel(journey());
        EXPECT_EQ(&loop::current(), &home);
        ++came_home;
      };
      co_await with_scope([&](scope& children) -> task<> {
        for (int i = 0; i < 2; ++i) children.spawn(set_out());
        for (int i = 0; i < round % 64; ++i) co_await yield();
        children.request_stop();
      });
    }
    EXPECT_EQ(came_home, 4000);
  });
}

TEST(resume_on, a_loop_that_is_to_end_stops_its_guests_and_waits_for_them) {
  for (int round = 0; round < 100; ++round) {
    other_loop other;
    fake_world world;
    world.run(invoke([&]() -> task<> {
      std::atomic<bool> there = false;
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          const auto journey = [&]() -> task<> {
            co_await go_to(other.home());
            there = true;
            EXPECT_EQ((co_await wait_for_ever()).error(), std::errc::operation_canceled);
            EXPECT_EQ(&loop::current(), &other.home());
            for (int i = 0; i < round % 10; ++i) co_await yield();
          };
          co_await travel(journey());
          EXPECT_TRUE(co_await sleep_for(0s)) << "the task at home was stopped as well";
        });
        while (!there) co_await yield();
        other.end();
      });
    }));
  }
}

TEST(resume_on, turns_back_where_the_loop_has_ended) {
  fake_world ended;
  other_loop other;
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto journey = [&](loop& to) -> task<> {
      co_await go_to(other.home());
      const auto went = co_await resume_on(to);
      EXPECT_EQ(went.error(), std::errc::operation_canceled);
      EXPECT_EQ(&loop::current(), &world.home);
      co_await go_to(other.home());
    };
    co_await with_scope([&](scope& children) -> task<> {
      auto never_runs = std::make_unique<fake_world>();
      children.spawn([&]() -> task<> { co_await travel(journey(never_runs->home)); });
      // By then it has been sent there.
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(co_await submit_to(other.home(), [] {}));
      never_runs.reset();
    });
  }));
}

/// What follows the task that waits for `travel` in the list of this loop: true where it is below.
bool traveller_is_listed() {
  const std::vector<task_entry> tasks = dump_tasks().tasks;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (tasks[i].waits_for == "travel")
      return i + 1 < tasks.size() && tasks[i + 1].depth == tasks[i].depth + 1;
  ADD_FAILURE() << "nobody waits for a traveller";
  return false;
}

TEST(resume_on, is_listed_on_the_loop_that_it_is_on) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    const auto journey = [&]() -> task<> {
      EXPECT_TRUE(traveller_is_listed());
      co_await go_to(other);
      EXPECT_TRUE(traveller_is_listed());
      EXPECT_FALSE((co_await submit_to(home, traveller_is_listed)).value());
      co_await go_to(home);
      EXPECT_TRUE(traveller_is_listed());
    };
    co_await travel(journey());
  });
}

TEST(resume_on, is_refused_to_tasks_that_belong_to_their_loop) {
  const auto leave_from_a_deadline = [] {
    run_beside([](loop& other) -> task<> {
      co_await travel(invoke([&]() -> task<> { (void)co_await with_timeout(go_to(other), 1s); }));
    });
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(leave_from_a_deadline(), "can't leave its loop");
}

TEST(spawn_on, begins_a_task_there_which_may_go_on_elsewhere) {
  fake_world world;
  std::atomic<int> ended = 0;
  {
    other_loop other;
    world.run(invoke([&]() -> task<> {
      const auto journey = [&]() -> task<> {
        EXPECT_EQ(&loop::current(), &other.home());
        co_await go_to(world.home);
        co_await yield();
        ++ended;
      };
      EXPECT_TRUE(co_await spawn_on(other.home(), journey()));
      while (ended == 0) co_await yield();
    }));
  }
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace gyre::testing_runtime
