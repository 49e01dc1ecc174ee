#include "gyre/runtime/scope.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

/// Sleeps long, and says whether that was ended early.
task<> sleep_until_stopped(int& stopped) {
  const auto slept = co_await sleep_for(24h);
  if (slept.error() == std::errc::operation_canceled) ++stopped;
}

task<> fail_later(const char* what) {
  co_await yield();
  throw std::runtime_error(what);
}

task<std::string> what_comes_out_of(auto body) {
  try {
    co_await with_scope(std::move(body));
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(scope, ends_when_all_its_tasks_have_ended) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 10; ++i)
        children.spawn([&, i]() -> task<> {
          (void)co_await sleep_for(std::chrono::seconds(i));
          ++ended;
        });
      co_return;
    });
    EXPECT_EQ(ended, 10);
  }));
}

TEST(scope, that_spawns_nothing_ends_with_its_body) {
  fake_world world;
  bool ran = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope&) -> task<> {
      co_await yield();
      ran = true;
    });
    EXPECT_TRUE(ran);
  }));
}

TEST(scope, gives_what_its_body_returns_when_all_have_ended) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    int ended = 0;
    const std::unique_ptr<int> sum =
        co_await with_scope([&](scope& children) -> task<std::unique_ptr<int>> {
          children.spawn([&]() -> task<> {
            (void)co_await sleep_for(1s);
            ++ended;
          });
          co_return std::make_unique<int>(7);
        });
    EXPECT_EQ(*sum, 7);
    EXPECT_EQ(ended, 1);
  }));
}

TEST(scope, throws_in_place_of_what_its_body_returned) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto heard = co_await what_comes_out_of([](scope& children) -> task<int> {
      children.spawn(fail_later("a child"));
      co_return 7;
    });
    EXPECT_EQ(heard, "a child");
  }));
}

TEST(scope, has_a_result_under_a_deadline) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto take_a_day = [](scope&) -> task<result<void>> { co_return co_await sleep_for(24h); };
    EXPECT_EQ((co_await with_timeout(with_scope(take_a_day), 1s)).error(), std::errc::timed_out);
    const auto take_none = [](scope&) -> task<int> { co_return 7; };
    EXPECT_EQ((co_await with_timeout(with_scope(take_none), 1s)).value(), 7);
  }));
}

TEST(scope, starts_a_task_at_the_next_turn_and_in_order) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&order, i]() -> task<> {
          order.push_back(i);
          co_return;
        });
      EXPECT_TRUE(order.empty());
      co_return;
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(scope, takes_tasks_from_its_tasks) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (int i = 0; i < 5; ++i)
          children.spawn([&]() -> task<> {
            co_await yield();
            ++ended;
          });
        co_return;
      });
      co_return;
    });
  }));
  EXPECT_EQ(ended, 5);
}

TEST(scope, knows_how_many_tasks_it_has) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      EXPECT_EQ(children.size(), 1U);  // the body
      children.spawn([]() -> task<> { co_await yield(); });
      EXPECT_EQ(children.size(), 2U);
      co_await yield();
      co_await yield();
      EXPECT_EQ(children.size(), 1U);
      EXPECT_FALSE(children.empty());
    });
  }));
}

TEST(scope, stops_the_others_when_one_fails_and_throws_its_exception) {
  fake_world world;
  int stopped = 0;
  const auto told = world.run(what_comes_out_of([&](scope& children) -> task<> {
    children.spawn(sleep_until_stopped(stopped));
    children.spawn(fail_later("on purpose"));
    children.spawn(sleep_until_stopped(stopped));
    co_await sleep_until_stopped(stopped);
  }));
  EXPECT_EQ(told, "on purpose");
  EXPECT_EQ(stopped, 3);
}

TEST(scope, throws_the_first_of_several_exceptions) {
  fake_world world;
  const auto told = world.run(what_comes_out_of([](scope& children) -> task<> {
    children.spawn(fail_later("first"));
    children.spawn(fail_later("second"));
    co_return;
  }));
  EXPECT_EQ(told, "first");
}

TEST(scope, stops_its_tasks_when_its_body_fails) {
  fake_world world;
  int stopped = 0;
  const auto told = world.run(what_comes_out_of([&](scope& children) -> task<> {
    children.spawn(sleep_until_stopped(stopped));
    co_await yield();
    throw std::runtime_error("body");
  }));
  EXPECT_EQ(told, "body");
  EXPECT_EQ(stopped, 1);
}

TEST(scope, lets_a_body_that_is_no_coroutine_throw) {
  fake_world world;
  const auto told = world.run(what_comes_out_of(
      [](scope&) -> task<> { throw std::runtime_error("before the first task"); }));
  EXPECT_EQ(told, "before the first task");
}

TEST(scope, stops_and_joins_what_a_body_that_is_no_coroutine_has_spawned_before_it_throws) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    const auto body = [&](scope& children) -> task<> {
      children.spawn(sleep_until_stopped(stopped));
      throw std::runtime_error("at once");
    };
    EXPECT_EQ(co_await what_comes_out_of(body), "at once");
    EXPECT_EQ(stopped, 1);
    const auto failing_child = [](scope& children) -> task<int> {
      children.spawn(fail_later("later"));
      throw std::runtime_error("at once");
    };
    EXPECT_EQ(co_await what_comes_out_of(failing_child), "at once");
  }));
}

TEST(scope, stops_its_tasks_when_asked_to) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 10; ++i) children.spawn(sleep_until_stopped(stopped));
      co_await yield();
      children.request_stop();
      children.request_stop();
      EXPECT_TRUE(children.stop_requested());
      co_return;
    });
  }));
  EXPECT_EQ(stopped, 10);
}

TEST(scope, starts_a_task_that_comes_after_its_stop_and_ends_its_first_wait) {
  fake_world world;
  int stopped = 0;
  bool started = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      children.spawn([&]() -> task<> {
        started = true;
        co_await sleep_until_stopped(stopped);
      });
      co_return;
    });
  }));
  EXPECT_TRUE(started);
  EXPECT_EQ(stopped, 1);
}

/// A scope in a scope in a scope ..., with a sleeper at each level.
task<> nest(int depth, int& stopped) {
  co_await with_scope([&, depth](scope& children) -> task<> {
    children.spawn(sleep_until_stopped(stopped));
    if (depth > 1) children.spawn(nest(depth - 1, stopped));
    co_return;
  });
}

TEST(scope, passes_a_stop_on_to_all_generations) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(nest(100, stopped));
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
  }));
  EXPECT_EQ(stopped, 100);
}

TEST(scope, passes_an_exception_on_through_all_generations) {
  fake_world world;
  int stopped = 0;
  const auto told = world.run(what_comes_out_of([&](scope& children) -> task<> {
    children.spawn(sleep_until_stopped(stopped));
    children.spawn([&]() -> task<> {
      co_await with_scope([&](scope& grandchildren) -> task<> {
        grandchildren.spawn(sleep_until_stopped(stopped));
        grandchildren.spawn(fail_later("grandchild"));
        co_return;
      });
      ADD_FAILURE() << "went on after its scope had failed";
    });
    co_return;
  }));
  EXPECT_EQ(told, "grandchild");
  EXPECT_EQ(stopped, 2);
}

TEST(scope, reaches_through_tasks_that_await_each_other) {
  fake_world world;
  int stopped = 0;
  const auto outer = [&]() -> task<> {
    co_await invoke([&]() -> task<> { co_await sleep_until_stopped(stopped); });
    // Everything that begins from now on ends at once.
    co_await sleep_until_stopped(stopped);
    event never_set;
    EXPECT_EQ((co_await never_set.wait()).error(), std::errc::operation_canceled);
    EXPECT_EQ((co_await request()).error(), std::errc::operation_canceled);
  };
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(outer);
      co_await yield();
      children.request_stop();
    });
  }));
  EXPECT_EQ(stopped, 2);
}

TEST(scope, asks_and_does_not_force) {
  fake_world world;
  bool finished = false;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (int i = 0; i < 100; ++i) co_await yield();
        finished = true;
      });
      children.request_stop();
      co_return;
    });
    EXPECT_TRUE(finished);
  }));
}

TEST(scope, stopped_itself_leaves_its_awaiter_unstopped) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      co_return;
    });
    EXPECT_TRUE(co_await sleep_for(1s));
  }));
}

TEST(scope, keeps_a_function_and_its_arguments_until_the_task_has_ended) {
  fake_world world;
  auto kept = std::make_shared<int>(3);
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(
          [kept](const std::string& text) -> task<> {
            co_await yield();
            EXPECT_EQ(text.size() + static_cast<std::size_t>(*kept), 1003U);
          },
          std::string(1000, 'x'));
      co_return;
    });
    EXPECT_EQ(kept.use_count(), 1);
  }));
}

/// Spawns when it is destroyed, as what says goodbye does.
class farewell {
 public:
  farewell(scope& children, int& said) noexcept : children_(&children), said_(&said) {}
  farewell(farewell&& other) noexcept
      : children_(std::exchange(other.children_, nullptr)), said_(other.said_) {}
  farewell& operator=(farewell&&) = delete;
  ~farewell() {
    if (!children_) return;
    children_->spawn([said = said_]() -> task<> {
      co_await yield();
      ++*said;
    });
  }

 private:
  scope* children_;
  int* said_;
};

task<> work_with(farewell) {
  co_await yield();
}

TEST(scope, takes_tasks_from_what_is_destroyed_with_its_last_one) {
  fake_world world;
  int said = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(work_with(farewell(children, said)));
      co_return;
    });
    EXPECT_EQ(said, 1);
    const auto body = [&](scope& children) { return work_with(farewell(children, said)); };
    co_await with_scope(body);
    EXPECT_EQ(said, 2);
  }));
}

TEST(scope, runs_a_hundred_thousand_tasks_and_keeps_none) {
  fake_world world;
  const auto before = frame_pool::live();
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 100'000; ++i)
        children.spawn([&]() -> task<> {
          co_await yield();
          ++ended;
        });
      co_return;
    });
  }));
  EXPECT_EQ(ended, 100'000);
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(scope, stops_a_hundred_thousand_tasks_that_wait) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 100'000; ++i) children.spawn(sleep_until_stopped(stopped));
      co_await yield();
      children.request_stop();
    });
  }));
  EXPECT_EQ(stopped, 100'000);
}

TEST(scope, a_hundred_thousand_deep_ends_and_stops) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(nest(100'000, stopped));
      (void)co_await sleep_for(1s);
      children.request_stop();
    });
  }));
  EXPECT_EQ(stopped, 100'000);
}

}  // namespace
}  // namespace gyre::testing_runtime
