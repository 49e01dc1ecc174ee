#include "gyre/runtime/task.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

task<int> give(int value) {
  co_return value;
}
task<> fail(const char* what) {
  throw std::runtime_error(what);
  co_return;
}
task<int> fail_after_a_wait(const char* what) {
  co_await yield();
  throw std::runtime_error(what);
}

TEST(task, gives_what_it_returns) {
  fake_world world;
  EXPECT_EQ(world.run(give(42)), 42);
  EXPECT_EQ(world.run([]() -> task<int> { co_return co_await give(1) + co_await give(2); }()), 3);
}

TEST(task, may_return_nothing) {
  fake_world world;
  bool ran = false;
  world.run(invoke([&]() -> task<> {
    ran = true;
    co_return;
  }));
  EXPECT_TRUE(ran);
}

TEST(task, may_return_what_can_only_be_moved) {
  fake_world world;
  const auto make = []() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  EXPECT_EQ(*world.run(invoke([&]() -> task<std::unique_ptr<int>> {
    auto made = co_await make();
    ++*made;
    co_return made;
  })),
            6);
}

task<int> take_by_value(std::unique_ptr<int> taken) {
  co_await yield();
  co_return *taken;
}
task<int> refer_to_const(const std::unique_ptr<int>& seen) {
  co_await yield();
  co_return *seen;
}
task<int> refer_to_rvalue(std::unique_ptr<int>&& seen) {
  co_await yield();
  co_return *seen;
}
task<int> change(std::unique_ptr<int>& kept, int by) {
  co_await yield();
  co_return * kept += by;
}

TEST(task, of_an_invoked_function_gets_arguments_that_outlive_it) {
  fake_world world;
  EXPECT_EQ(world.run(gyre::invoke(take_by_value, std::make_unique<int>(1))), 1);
  EXPECT_EQ(world.run(gyre::invoke(refer_to_const, std::make_unique<int>(2))), 2);
  EXPECT_EQ(world.run(gyre::invoke(refer_to_rvalue, std::make_unique<int>(3))), 3);
  EXPECT_EQ(world.run(gyre::invoke(change, std::make_unique<int>(4), 1)), 5);
  auto original = std::make_unique<int>(6);
  EXPECT_EQ(world.run(gyre::invoke(change, std::ref(original), 1)), 7);
  EXPECT_EQ(*original, 7);
}

TEST(task, may_return_what_has_no_default) {
  class stern {
   public:
    explicit stern(int value) : value(value) {}
    int value;
  };
  fake_world world;
  const auto make = []() -> task<stern> { co_return stern(3); };
  EXPECT_EQ(world.run(make()).value, 3);
}

TEST(task, converts_what_it_returns) {
  fake_world world;
  const auto make = []() -> task<std::string> { co_return "text"; };
  EXPECT_EQ(world.run(make()), "text");
}

TEST(task, does_nothing_before_it_is_awaited) {
  fake_world world;
  bool started = false;
  const auto note = [&]() -> task<> {
    started = true;
    co_return;
  };
  world.run(invoke([&]() -> task<> {
    auto work = note();
    co_await yield();
    EXPECT_FALSE(started);
    co_await std::move(work);
    EXPECT_TRUE(started);
  }));
}

TEST(task, that_was_not_started_can_be_dropped) {
  const auto before = frame_pool::live();
  bool started = false;
  auto owned = std::make_shared<int>(1);
  {
    const auto note = [&](std::shared_ptr<int>) -> task<> {
      started = true;
      co_return;
    };
    const task<> dropped = note(owned);
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_FALSE(started);
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(task, can_be_moved_before_it_starts) {
  fake_world world;
  auto first = give(1);
  auto second = give(2);
  first = std::move(second);
  EXPECT_EQ(world.run(std::move(first)), 2);
}

TEST(task, throws_what_its_coroutine_throws) {
  fake_world world;
  EXPECT_THROW(world.run(fail("at once")), std::runtime_error);
  EXPECT_THROW(world.run(fail_after_a_wait("later")), std::runtime_error);
}

TEST(task, lets_an_exception_pass_through_all_that_await) {
  fake_world world;
  const auto middle = []() -> task<int> { co_return co_await fail_after_a_wait("deep"); };
  const auto top = [&]() -> task<std::string> {
    try {
      co_await middle();
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "nothing";
  };
  EXPECT_EQ(world.run(top()), "deep");
}

TEST(task, goes_on_after_an_exception_was_caught) {
  fake_world world;
  const auto retry = []() -> task<int> {
    int attempts = 0;
    while (attempts < 10) {
      try {
        ++attempts;
        co_await fail("again");
      } catch (const std::runtime_error&) {
      }
    }
    co_return attempts;
  };
  EXPECT_EQ(world.run(retry()), 10);
}

TEST(task, destroys_its_locals_in_order_and_before_its_awaiter_goes_on) {
  fake_world world;
  std::vector<std::string> log;
  class noted {
   public:
    noted(std::vector<std::string>& log, const char* name) : log_(log), name_(name) {}
    noted(const noted&) = delete;
    noted& operator=(const noted&) = delete;
    ~noted() { log_.push_back(name_); }

   private:
    std::vector<std::string>& log_;
    std::string name_;
  };
  world.run(invoke([&]() -> task<> {
    co_await invoke([&]() -> task<> {
      const noted first(log, "first");
      const noted second(log, "second");
      co_await yield();
    });
    log.push_back("awaiter");
  }));
  EXPECT_EQ(log, (std::vector<std::string>{"second", "first", "awaiter"}));
}

TEST(task, keeps_its_parameters_until_it_has_ended) {
  fake_world world;
  const auto length = [](std::string text) -> task<std::size_t> {
    co_await yield();
    co_return text.size();
  };
  EXPECT_EQ(world.run(length(std::string(1000, 'x'))), 1000U);
}

TEST(invoke, keeps_the_captures_of_a_lambda) {
  fake_world world;
  auto work = [] {
    auto owned = std::make_unique<std::string>(1000, 'x');
    return invoke([owned = std::move(owned)]() -> task<std::size_t> {
      co_await yield();
      co_return owned->size();
    });
  }();
  EXPECT_EQ(world.run(std::move(work)), 1000U);
}

TEST(invoke, keeps_copies_of_the_arguments) {
  fake_world world;
  auto work = [] {
    const std::string text(1000, 'x');
    return gyre::invoke(
        [](const std::string& kept) -> task<std::size_t> {
          co_await yield();
          co_return kept.size();
        },
        text);
  }();
  EXPECT_EQ(world.run(std::move(work)), 1000U);
}

TEST(task_death, awaiting_an_empty_task_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          auto work = give(1);
          auto moved = std::move(work);
          co_await std::move(work);
        }));
      },
      "an empty task was awaited");
}

TEST(task_death, awaiting_a_task_twice_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          auto work = give(1);
          co_await std::move(work);
          co_await std::move(work);
        }));
      },
      "it was moved from, or awaited before");
}

TEST(task_death, destroying_a_task_in_the_middle_of_an_operation_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        const auto wait = []() -> task<> { (void)co_await request(); };
        auto work = std::make_unique<task<>>(wait());
        world.run(invoke([&]() -> task<> {
          spawn(std::move(*work));
          co_await yield();
          world.kernel.in_flight().front()->waiter()->handle().destroy();
        }));
      },
      "a task was destroyed while its operation was in flight");
}

}  // namespace
}  // namespace gyre::testing_runtime
