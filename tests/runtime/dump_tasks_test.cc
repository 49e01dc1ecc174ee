#include "gyre/runtime/dump_tasks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "gyre/runtime/async_generator.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/stop_on.h"
#include "gyre/runtime/task_group.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;
using state = enum task_entry::state;

unsigned line_here(std::source_location where = std::source_location::current()) {
  return static_cast<unsigned>(where.line());
}

task<> wait_for(event& event) {
  (void)co_await event.wait();
}

class dumped_tasks : public testing::Test {
 protected:
  /// Runs `body` in a scope, and dumps from a message once nothing is ready any more; then sets
  /// `go_on`, which `body` waits for.
  task_tree dump_while(task<> body) {
    world.run([](dumped_tasks& test, task<> body) -> task<> {
      spawn(std::move(body));
      (void)co_await sleep_for(100s);
      test.tree = dump_tasks();
      test.go_on.set();
      for (operation* each : std::vector(test.world.kernel.in_flight()))
        test.world.kernel.finish(*each, 1);
    }(*this, std::move(body)));
    // Without the task that made the dump, which is the first.
    EXPECT_EQ(tree.tasks.at(0).state, state::running);
    tree.tasks.erase(tree.tasks.begin());
    return tree;
  }

  /// What the tasks wait for, each below its parent: `scope(sleep,event)`.
  static std::string shape(const task_tree& tree) {
    std::string text;
    std::size_t depth = 0;
    for (const task_entry& each : tree.tasks) {
      if (!text.empty()) text += each.depth > depth ? "(" : "";
      for (; depth > each.depth; --depth) text += ")";
      if (!text.empty() && text.back() != '(') text += ",";
      depth = each.depth;
      text += each.state == state::waiting ? each.waits_for : "?";
    }
    return text + std::string(depth, ')');
  }

  fake_world world;
  event go_on;
  task_tree tree;
};

TEST_F(dumped_tasks, tell_what_they_wait_for_and_for_how_long) {
  dump_while(wait_for(go_on));
  ASSERT_EQ(tree.tasks.size(), 1U);
  const task_entry& only = tree.tasks[0];
  EXPECT_EQ(only.state, state::waiting);
  EXPECT_EQ(only.waits_for, "event");
  EXPECT_EQ(only.descriptor, -1);
  EXPECT_FALSE(only.stop_requested);
  EXPECT_GE(only.waited, 100s - 10ms);
  EXPECT_LE(only.waited, 100s + 10ms);
}

TEST_F(dumped_tasks, tell_where_each_of_their_coroutines_awaits) {
  unsigned outer = 0;
  unsigned inner = 0;
  dump_while(invoke([&]() -> task<> {
    co_await yield();
    const auto middle = [&]() -> task<int> {
      inner = line_here() + 1;
      (void)co_await go_on.wait();
      co_return 1;
    };
    outer = line_here() + 1;
    const int one = co_await middle();
    EXPECT_EQ(one, 1);
  }));
  ASSERT_EQ(tree.tasks.size(), 1U);
  const auto& stack = tree.tasks[0].awaits_at;
  ASSERT_EQ(stack.size(), 3U);  // the last is invoke
  EXPECT_EQ(stack[0].line(), inner);
  EXPECT_EQ(stack[1].line(), outer);
  EXPECT_NE(std::string(stack[0].file_name()).find("dump_tasks_test"), std::string::npos);
  const std::string text = text_of(tree);
  EXPECT_NE(text.find("dump_tasks_test.cc:" + std::to_string(inner) + ")\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("task waits for event, 100.0"), std::string::npos) << text;
  EXPECT_NE(text.find("  gyre::invoke ("), std::string::npos) << text;
  EXPECT_EQ(text.find("_virtual_includes"), std::string::npos) << text;
}

TEST_F(dumped_tasks, are_named_as_the_source_does) {
  dump_while(wait_for(go_on));
  EXPECT_NE(text_of(tree).find("::wait_for ("), std::string::npos) << text_of(tree);
}

TEST_F(dumped_tasks, tell_their_descriptor) {
  descriptor_users users;
  users.number = 7;
  dump_while(invoke([&]() -> task<> { (void)co_await request(&users); }));
  EXPECT_EQ(tree.tasks.at(0).waits_for, "request");
  EXPECT_EQ(tree.tasks.at(0).descriptor, 7);
  EXPECT_NE(text_of(tree).find("waits for request on descriptor 7, 100.0"), std::string::npos);
}

TEST_F(dumped_tasks, tell_the_descriptor_of_a_link_that_is_in_flight) {
  descriptor_users users;
  users.number = 8;
  world.kernel.links = true;
  dump_while(invoke([&]() -> task<> { (void)co_await link(request(), request(&users)); }));
  EXPECT_EQ(tree.tasks.at(0).waits_for, "link");
  EXPECT_EQ(tree.tasks.at(0).descriptor, -1);  // of the first
}

TEST_F(dumped_tasks, have_those_below_them_that_run_beside_each_other) {
  dump_while(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        co_await when_all(wait_for(go_on), []() -> task<> { co_return; }(), wait_for(go_on));
      });
      std::vector<task<>> range;
      for (int i = 0; i < 3; ++i) range.push_back(wait_for(go_on));
      co_await when_any(std::move(range));
    });
  }));
  EXPECT_EQ(shape(tree), "scope(when_any(event,event,event),when_all(event,event))");
}

TEST_F(dumped_tasks, have_the_tasks_of_a_group_below_them) {
  dump_while(invoke([&]() -> task<> {
    co_await with_task_group<void>([&](task_group<>& group) -> task<> {
      group.spawn(wait_for(go_on));
      group.spawn([](event& event) -> task<> { co_await when_any(wait_for(event)); },
                  std::ref(go_on));
      while (co_await group.next()) continue;
    });
  }));
  EXPECT_EQ(shape(tree), "with_task_group(task_group,event,when_any(event))");
}

TEST_F(dumped_tasks, have_those_below_them_that_can_be_stopped_alone) {
  std::stop_source source;
  dump_while(invoke([&]() -> task<> {
    co_await when_all(with_timeout(wait_for(go_on), 1h), shield(wait_for(go_on)),
                      stop_on(source.get_token(), wait_for(go_on)));
  }));
  EXPECT_EQ(shape(tree), "when_all(with_timeout(event),shield(event),stop_on(event))");
}

TEST_F(dumped_tasks, are_found_in_generators_and_under_deadlines) {
  const auto count = [](event& event) -> async_generator<int> {
    (void)co_await with_timeout(event.wait(), 1h);
    co_yield 1;
  };
  dump_while(invoke([&]() -> task<> {
    auto numbers = count(go_on);
    EXPECT_EQ(co_await numbers.next(), 1);
  }));
  EXPECT_EQ(shape(tree), "event");
  EXPECT_EQ(tree.tasks.at(0).awaits_at.size(), 3U);
}

TEST_F(dumped_tasks, are_ready_before_they_have_begun_and_when_their_wait_has_ended) {
  world.run(invoke([&]() -> task<> {
    event happened;
    spawn(wait_for(happened));
    co_await yield();
    happened.set();
    spawn([]() -> task<> { co_return; }());
    tree = dump_tasks();
  }));
  ASSERT_EQ(tree.tasks.size(), 3U);
  EXPECT_EQ(tree.tasks[0].state, state::running);
  EXPECT_EQ(tree.tasks[1].state, state::ready);
  EXPECT_EQ(tree.tasks[1].awaits_at.size(), 1U);
  EXPECT_EQ(tree.tasks[2].state, state::ready);
  EXPECT_TRUE(tree.tasks[2].awaits_at.empty());
}

TEST_F(dumped_tasks, tell_that_they_were_asked_to_stop) {
  dump_while(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> { co_await shield(wait_for(go_on)); });
      co_await yield();
      children.request_stop();
    });
  }));
  EXPECT_EQ(shape(tree), "scope(shield(event))");
  EXPECT_FALSE(tree.tasks[0].stop_requested);
  EXPECT_TRUE(tree.tasks[1].stop_requested);
  EXPECT_FALSE(tree.tasks[2].stop_requested);
}

task<> nest(int depth, event& event) {
  if (depth == 0) co_return co_await wait_for(event);
  co_await nest(depth - 1, event);
}
task<> nest_shields(int depth, event& event) {
  if (depth == 0) co_return co_await wait_for(event);
  co_await shield(nest_shields(depth - 1, event));
}

TEST_F(dumped_tasks, are_listed_up_to_a_bound_however_deep_they_are_nested) {
  constexpr int depth = 100'000;
  dump_while(nest(depth, go_on));
  EXPECT_EQ(tree.tasks.at(0).awaits_at.size() + tree.tasks[0].further_out, depth + 2U);
  EXPECT_NE(text_of(tree).find(" more further out\n"), std::string::npos);
  go_on.reset();
  dump_while(nest_shields(depth, go_on));
  EXPECT_EQ(1 + tree.tasks.size() + tree.left_out, depth + 2U);
  EXPECT_NE(text_of(tree).find(" more tasks\n"), std::string::npos);
}

TEST_F(dumped_tasks, are_none_outside_of_run) {
  EXPECT_TRUE(dump_tasks(world.home).tasks.empty());
  EXPECT_EQ(text_of(dump_tasks(world.home)), "");
}

class stuck_tasks : public testing::Test {
 protected:
  /// Lets a message from another thread set `go_on` once the loop has looked.
  void run(task<> main) {
    world.home.when_stuck([this](loop& home) {
      ++looks;
      const bool stuck = all_wait_for_each_other(home);
      if (stuck) text = text_of(dump_tasks(home));
      home.post(news);
      return stuck;
    });
    world.run(std::move(main));
  }

  class set_event final : public message {
   public:
    explicit set_event(event& target) noexcept : target_(target) {}

   private:
    void delivered() noexcept override { target_.set(); }
    event& target_;
  };

  fake_world world;
  event go_on;
  set_event news{go_on};
  int looks = 0;
  std::string text;
};

TEST_F(stuck_tasks, are_reported_once) {
  run(invoke([&]() -> task<> {
    co_await when_all(wait_for(go_on), wait_for(go_on));
    go_on.reset();
    // Only another thread can help again; nobody is told.
    world.kernel.wake();
    spawn([](event& event) -> task<> {
      (void)co_await sleep_for(1h);
      event.set();
    }(go_on));
    co_await wait_for(go_on);
  }));
  EXPECT_EQ(looks, 1);
  EXPECT_NE(text.find("waits for when_all"), std::string::npos) << text;
  EXPECT_NE(text.find("  task waits for event, 2.0"), std::string::npos) << text;
}

TEST_F(stuck_tasks, are_not_those_that_a_deadline_or_the_kernel_lets_go_on) {
  run(invoke([&]() -> task<> {
    mutex locked;
    const auto guard = locked.try_lock();
    const auto got = co_await with_timeout(locked.lock(), 24h);
    EXPECT_FALSE(got);
    world.kernel.at_once = true;
    EXPECT_TRUE(co_await request());
  }));
  EXPECT_EQ(looks, 0);
}

TEST_F(stuck_tasks, are_not_those_that_wait_for_other_threads) {
  cross_channel<int> numbers(1);
  const auto main = [&]() -> task<> {
    spawn([](event& event, cross_channel<int>& numbers) -> task<> {
      (void)co_await event.wait();
      EXPECT_TRUE(numbers.try_send(1));
    }(go_on, numbers));
    EXPECT_EQ((co_await numbers.receive()).value(), 1);
  };
  run(main());
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(text, "");
}

}  // namespace
}  // namespace gyre::testing_runtime
