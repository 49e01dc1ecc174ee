#include "gyre/runtime/task_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

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
task<int> give_or_be_stopped(int& stopped) {
  const auto slept = co_await sleep_for(24h);
  co_return slept ? 0 : ++stopped;
}
task<int> fail_after(std::chrono::seconds span, const char* what) {
  (void)co_await sleep_for(span);
  throw std::runtime_error(what);
}

task<std::string> what_comes_out_of(auto body) {
  try {
    co_await with_task_group<int>(std::move(body));
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(task_group, gives_results_in_the_order_in_which_they_came) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    std::vector<int> order;
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      for (const int seconds : {3, 1, 4, 2})
        group.spawn(give_after(std::chrono::seconds(seconds), seconds));
      EXPECT_EQ(group.size(), 4U);
      while (const auto value = co_await group.next()) order.push_back(*value);
      EXPECT_TRUE(group.empty());
      EXPECT_FALSE(co_await group.next());
    });
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
  }));
}

TEST(task_group, takes_more_tasks_while_it_gives_results) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const int sum = co_await with_task_group<int>([](task_group<int>& group) -> task<int> {
      EXPECT_FALSE(co_await group.next());
      int total = 0;
      std::size_t most = 0;
      for (int i = 1; i <= 1000; ++i) {
        if (group.size() == 10) total += *co_await group.next();
        group.spawn(give_after(std::chrono::seconds(i % 7), i));
        most = std::max(most, group.size());
      }
      EXPECT_EQ(most, 10U);
      while (const auto value = co_await group.next()) total += *value;
      co_return total;
    });
    EXPECT_EQ(sum, 500'500);
  }));
}

TEST(task_group, keeps_what_was_ready_until_it_is_asked_for) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([](task_group<int>& group) -> task<> {
      for (int i = 0; i < 3; ++i) group.spawn(give_after(0s, i));
      (void)co_await sleep_for(1s);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(co_await group.next(), i);
    });
  }));
}

TEST(task_group, of_nothing_and_of_what_can_only_be_moved) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    int ended = 0;
    co_await with_task_group<void>([&](task_group<>& group) -> task<> {
      for (int i = 0; i < 3; ++i) group.spawn([]() -> task<> { co_await yield(); });
      while (co_await group.next()) ++ended;
    });
    EXPECT_EQ(ended, 3);
    co_await with_task_group<std::unique_ptr<int>>(
        [](task_group<std::unique_ptr<int>>& group) -> task<> {
          group.spawn([]() -> task<std::unique_ptr<int>> { co_return std::make_unique<int>(8); });
          EXPECT_EQ(**co_await group.next(), 8);
        });
  }));
}

TEST(task_group, throws_out_of_next_what_a_task_threw_and_lets_the_others_go_on) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([](task_group<int>& group) -> task<> {
      group.spawn(give_after(1s, 1));
      group.spawn(fail_after(2s, "second"));
      group.spawn(give_after(3s, 3));
      std::string log;
      while (!group.empty()) {
        try {
          log += std::to_string((co_await group.next()).value()) + " ";
        } catch (const std::runtime_error& error) {
          log += std::string(error.what()) + " ";
        }
      }
      EXPECT_EQ(log, "1 second 3 ");
    });
  }));
}

TEST(task_group, stops_and_joins_all_when_its_body_throws) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(co_await what_comes_out_of([&](task_group<int>& group) -> task<> {
                for (int i = 0; i < 5; ++i) group.spawn(give_or_be_stopped(stopped));
                group.spawn(fail_after(1s, "of a task"));
                while (co_await group.next()) continue;
              }),
              "of a task");
    EXPECT_EQ(stopped, 5);
  }));
}

TEST(task_group, lets_a_body_that_is_no_coroutine_throw) {
  fake_world world;
  EXPECT_EQ(world.run(what_comes_out_of(
                [](task_group<int>&) -> task<> { throw std::runtime_error("at once"); })),
            "at once");
}

TEST(task_group, stops_and_joins_what_a_body_that_is_no_coroutine_has_spawned_before_it_throws) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    const auto body = [&](task_group<int>& group) -> task<> {
      group.spawn(give_or_be_stopped(stopped));
      throw std::runtime_error("at once");
    };
    EXPECT_EQ(co_await what_comes_out_of(body), "at once");
    EXPECT_EQ(stopped, 1);
  }));
}

TEST(task_group, awaits_what_its_body_left_behind) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto start = world.home.now();
    EXPECT_EQ(co_await what_comes_out_of([](task_group<int>& group) -> task<> {
                for (int i = 0; i < 5; ++i) group.spawn(give_after(std::chrono::seconds(i), i));
                EXPECT_EQ(co_await group.next(), 0);
              }),
              "nothing");
    EXPECT_GE(world.home.now() - start, 4s);
  }));
}

TEST(task_group, keeps_nothing_of_what_ends_when_nobody_takes_it_any_more) {
  fake_world world;
  const auto kept = std::make_shared<int>(0);
  const auto keep = [](std::shared_ptr<int> mine, std::chrono::seconds span) -> task<> {
    (void)co_await sleep_for(span);
    (void)mine;
  };
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<void>([&](task_group<>& group) -> task<> {
      group.spawn(keep(kept, 0s));
      for (int i = 2; i < 10; ++i) group.spawn(keep(kept, std::chrono::seconds(i)));
      group.spawn([&]() -> task<> {
        (void)co_await sleep_for(5500ms);
        EXPECT_EQ(kept.use_count(), 5);  // those of 6 s and more
      });
      (void)co_await sleep_for(1s);
      EXPECT_EQ(kept.use_count(), 10);
    });
    EXPECT_EQ(kept.use_count(), 1);
  }));
}

/// Spawns when it is destroyed.
class successor {
 public:
  successor(task_group<int>& group, int& made) noexcept : group_(&group), made_(&made) {}
  successor(successor&& other) noexcept
      : group_(std::exchange(other.group_, nullptr)), made_(other.made_) {}
  successor& operator=(successor&&) = delete;
  ~successor() {
    if (group_) group_->spawn([made = made_]() -> task<int> { co_return ++*made; });
  }

 private:
  task_group<int>* group_;
  int* made_;
};

TEST(task_group, takes_tasks_from_what_is_destroyed_with_its_last_one) {
  fake_world world;
  int made = 0;
  const auto work = [](successor) -> task<int> { co_return 0; };
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      group.spawn(work(successor(group, made)));
      co_return;
    });
    EXPECT_EQ(made, 1);
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      group.spawn(work(successor(group, made)));
      EXPECT_EQ(co_await group.next(), 0);
      EXPECT_EQ(group.size(), 1U);
    });
    EXPECT_EQ(made, 2);
    const auto body = [](successor) -> task<int> { co_return 10; };
    const auto begin = [&](task_group<int>& group) { return body(successor(group, made)); };
    EXPECT_EQ(co_await with_task_group<int>(begin), 10);
    EXPECT_EQ(made, 3);
  }));
}

TEST(task_group, gives_no_results_to_its_own_tasks_once_its_body_has_returned) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      group.spawn([&]() -> task<int> {
        EXPECT_EQ(co_await group.next(), 1);
        EXPECT_FALSE(co_await group.next());
        EXPECT_FALSE(co_await group.next());
        co_return 0;
      });
      group.spawn(give_after(1s, 1));
      group.spawn(give_after(3s, 3));
      (void)co_await sleep_for(2s);
    });
  }));
}

TEST(task_group, throws_the_first_exception_that_nobody_took_and_stops_the_rest) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    const auto leave = [&](task_group<int>& group) -> task<> {
      group.spawn(give_or_be_stopped(stopped));
      group.spawn(fail_after(2s, "left behind"));
      group.spawn(fail_after(3s, "too late"));
      co_return;
    };
    EXPECT_EQ(co_await what_comes_out_of(leave), "left behind");
    EXPECT_EQ(stopped, 1);
    const auto leave_late = [&](task_group<int>& group) -> task<> {
      co_await leave(group);
      (void)co_await sleep_for(10s);
    };
    EXPECT_EQ(co_await what_comes_out_of(leave_late), "left behind");
    EXPECT_EQ(stopped, 2);
  }));
}

TEST(task_group, that_is_stopped_gives_what_its_tasks_return_all_the_same) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      for (int i = 0; i < 3; ++i) group.spawn(give_or_be_stopped(stopped));
      co_await yield();
      group.request_stop();
      group.request_stop();
      group.spawn(give_or_be_stopped(stopped));
      int results = 0;
      while (co_await group.next()) ++results;
      EXPECT_EQ(results, 4);
      EXPECT_TRUE(co_await sleep_for(1s)) << "the body was stopped as well";
    });
  }));
  EXPECT_EQ(stopped, 4);
}

TEST(task_group, passes_a_stop_on_whenever_it_comes) {
  fake_world world;
  for (int rounds = 0; rounds < 5; ++rounds) {
    int stopped = 0;
    int results = 0;
    world.run(invoke([&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
            for (int i = 0; i < 10; ++i) group.spawn(give_or_be_stopped(stopped));
            while (co_await group.next()) ++results;
            EXPECT_FALSE(co_await sleep_for(1s));
          });
        });
        for (int i = 0; i < rounds; ++i) co_await yield();
        children.request_stop();
      });
    }));
    EXPECT_EQ(stopped, 10) << "stopped after " << rounds << " rounds";
    EXPECT_EQ(results, 10) << "stopped after " << rounds << " rounds";
  }
}

TEST(task_group, next_gives_up_at_a_deadline_and_loses_nothing) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([](task_group<int>& group) -> task<> {
      group.spawn(give_after(5s, 5));
      EXPECT_FALSE(*co_await with_timeout(group.next(), 1s));
      EXPECT_EQ(group.size(), 1U);
      EXPECT_EQ(*co_await with_timeout(group.next(), 10s), 5);
    });
  }));
}

TEST(task_group, next_is_ended_by_a_stop_that_does_not_reach_the_group) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([](task_group<int>& group) -> task<> {
      group.spawn(give_after(5s, 5));
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          EXPECT_FALSE(co_await group.next());
          EXPECT_FALSE(co_await group.next());
        });
        co_await yield();
        children.request_stop();
      });
      EXPECT_EQ(co_await group.next(), 5);
    });
  }));
}

TEST(task_group, of_a_million_keeps_no_more_than_its_user_lets_it) {
  const auto before = frame_pool::live();
  fake_world world;
  std::int64_t sum = 0;
  world.run(invoke([&]() -> task<> {
    co_await with_task_group<int>([&](task_group<int>& group) -> task<> {
      const auto give = [](int value) -> task<int> { co_return value; };
      for (int i = 0; i < 1'000'000; ++i) {
        if (group.size() == 100) sum += *co_await group.next();
        group.spawn(give(i));
      }
      EXPECT_LE(frame_pool::live() - before, 300);
      while (const auto value = co_await group.next()) sum += *value;
    });
  }));
  EXPECT_EQ(sum, 499'999'500'000);
  EXPECT_EQ(frame_pool::live(), before);
}

TEST(task_group, allocates_nothing_in_a_steady_state) {
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  const auto before = frame_pool::heap_allocations();
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  if (frame_pool::heap_allocations() != before) return;  // nothing is kept under AddressSanitizer
  fake_world world;
  world.run(invoke([&]() -> task<> {
    const auto round = []() -> task<> {
      co_await with_task_group<int>([](task_group<int>& group) -> task<> {
        for (int i = 0; i < 100; ++i) group.spawn(give_after(1s, i));
        while (co_await group.next()) continue;
      });
    };
    co_await round();
    const auto allocations = counted_heap::allocations();
    for (int i = 0; i < 10; ++i) co_await round();
    EXPECT_EQ(counted_heap::allocations(), allocations);
  }));
}

TEST(task_group_death, next_awaited_by_two_at_once_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(fake_world().run([]() -> task<> {
    co_await with_task_group<int>([](task_group<int>& group) -> task<> {
      group.spawn(give_after(5s, 5));
      co_await with_scope([&](scope& children) -> task<> {
        for (int i = 0; i < 2; ++i)
          children.spawn([&]() -> task<> { (void)co_await group.next(); });
        co_return;
      });
    });
  }()),
               "awaited by two tasks at once");
}

}  // namespace
}  // namespace gyre::testing_runtime
