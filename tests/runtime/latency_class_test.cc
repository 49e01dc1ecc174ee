#include "gyre/runtime/latency_class.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop_observer.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/task_group.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/with_class.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/other_loop.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// A loop whose clock stands still but for what tasks do.
class latency_classes_of_loop : public testing::Test {
 protected:
  /// Runs `spawn_all(children)` in a scope, and all that it spawns.
  template <class Function>
  void run(Function spawn_all) {
    world.run(invoke([&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        spawn_all(children);
        co_return;
      });
    }));
  }

  /// Holds the loop for `cost` at a time, and lets others run in between, until `end`.
  task<> work(nanoseconds cost, steady_time end, nanoseconds& worked) {
    while (world.kernel.now() < end) {
      world.kernel.advance(cost);
      worked += cost;
      co_await yield();
    }
  }

  fake_world world;
};

double part(nanoseconds worked, nanoseconds of) {
  return static_cast<double>(worked.count()) / static_cast<double>(of.count());
}

/// The class of the task that calls it; empty where that is the default one.
std::string class_here() {
  for (const task_entry& each : dump_tasks().tasks)
    if (each.state == task_entry::state::running) return each.latency_class;
  return "nobody runs";
}

task<> expect_class(std::string expected) {
  EXPECT_EQ(class_here(), expected);
  co_await yield();
  EXPECT_EQ(class_here(), expected);
}

task<> keep(std::unique_ptr<latency_class>) {
  co_await yield();
}

TEST_F(latency_classes_of_loop, share_time_not_resumptions) {
  latency_class some("some", 100, world.home);
  latency_class more("more", 300, world.home);
  nanoseconds of_some(0), of_more(0), of_others(0);
  const steady_time end = world.home.now() + 1s;
  run([&](scope& children) {
    for (int i = 0; i < 5; ++i) children.spawn(some, work(10us, end, of_some));
    children.spawn(more, work(70us, end, of_more));
    for (int i = 0; i < 2; ++i) children.spawn(work(1us, end, of_others));
  });
  EXPECT_NEAR(part(of_some, 1s), 0.2, 0.002);
  EXPECT_NEAR(part(of_more, 1s), 0.6, 0.002);
  EXPECT_NEAR(part(of_others, 1s), 0.2, 0.002);
  EXPECT_EQ(some.report().time_run, of_some);
  EXPECT_EQ(more.report().time_run, of_more);
  EXPECT_GT(some.report().resumed, 2 * more.report().resumed);
}

TEST_F(latency_classes_of_loop, have_new_shares_from_when_they_are_given_them) {
  latency_class tuned("tuned", 1, world.home);
  tuned.set_shares(900);
  latency_class::set_default_shares(300, world.home);
  nanoseconds of_tuned(0), of_others(0);
  const steady_time end = world.home.now() + 1s;
  run([&](scope& children) {
    children.spawn(tuned, work(10us, end, of_tuned));
    children.spawn(work(10us, end, of_others));
  });
  EXPECT_EQ(tuned.shares(), 900U);
  EXPECT_NEAR(part(of_tuned, 1s), 0.75, 0.002);
  for (const unsigned wrong : {0U, 10'001U}) {
    try {
      tuned.set_shares(wrong);
      ADD_FAILURE() << wrong;
    } catch (const std::invalid_argument& refused) {
      EXPECT_EQ(refused.what(),
                "a latency class has 1 to 10000 shares, not " + std::to_string(wrong));
    }
  }
}

TEST_F(latency_classes_of_loop, starve_nobody) {
  latency_class great("great", latency_class::shares_max, world.home);
  latency_class small("small", 1, world.home);
  nanoseconds of_great(0), of_small(0);
  const steady_time end = world.home.now() + 20s;
  run([&](scope& children) {
    for (int i = 0; i < 100; ++i) children.spawn(great, work(10us, end, of_great));
    children.spawn(small, work(10us, end, of_small));
  });
  EXPECT_NEAR(part(of_small, 2ms), 1, 0.02);
  EXPECT_NEAR(part(of_great, 20s), 1, 0.001);
}

// Resumptions count as something, else the one with the most shares would run for ever.
TEST_F(latency_classes_of_loop, go_by_resumptions_while_the_clock_stands_still) {
  latency_class more("more", 400, world.home);
  bool done = false;
  int of_more = 0, of_others = 0;
  run([&](scope& children) {
    children.spawn(more, [&]() -> task<> {
      while (!done) {
        ++of_more;
        co_await yield();
      }
    });
    children.spawn([&]() -> task<> {
      for (; of_others < 1000; ++of_others) co_await yield();
      done = true;
    });
  });
  EXPECT_NEAR(of_more, 4000, 20);
}

TEST_F(latency_classes_of_loop, let_nobody_wait_behind_a_long_queue) {
  latency_class batch("batch", 100, world.home);
  latency_class prompt("prompt", 100, world.home);
  nanoseconds longest(0);
  steady_time answered;
  bool done = false;
  run([&](scope& children) {
    for (int i = 0; i < 3000; ++i)
      children.spawn(batch, [&]() -> task<> {
        while (!done) {
          if (!world.kernel.in_flight().empty()) {
            answered = world.kernel.now();
            world.kernel.finish(*world.kernel.in_flight().front(), 1);
          }
          world.kernel.advance(100us);
          co_await yield();
        }
      });
    children.spawn(prompt, [&]() -> task<> {
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ((co_await request()).value(), 1);
        EXPECT_EQ(world.kernel.now() - answered, 100us);
        const steady_time due = world.kernel.now() + 1ms;
        EXPECT_TRUE(co_await sleep_until(due));
        longest = std::max<nanoseconds>(longest, world.kernel.now() - due);
      }
      done = true;
    });
  });
  // A quantum, the task that overran it, and what timers come late.
  EXPECT_LE(longest, 500us + 100us + 100us);
  EXPECT_LE(prompt.report().delays.quantile(1), 120us);
}

TEST_F(latency_classes_of_loop, turn_for_a_quantum) {
  latency_class batch("batch", 10, world.home);
  latency_class::set_quantum(1ms, world.home);
  nanoseconds of_batch(0);
  const steady_time end = world.home.now() + 1s;
  run([&](scope& children) {
    for (int i = 0; i < 50; ++i) children.spawn(batch, work(100us, end, of_batch));
  });
  EXPECT_NEAR(static_cast<double>(world.home.counters().turns), 1000, 10);
  latency_class::set_quantum(0ns, world.home);
  const std::uint64_t before = world.home.counters().turns;
  run([&](scope& children) {
    for (int i = 0; i < 50; ++i) children.spawn(batch, expect_class("batch"));
  });
  EXPECT_GE(world.home.counters().turns - before, 100U);
}

TEST_F(latency_classes_of_loop, are_neither_owed_nor_put_back_for_what_they_did_not_need) {
  latency_class idle("idle", 100, world.home);
  latency_class busy("busy", 100, world.home);
  nanoseconds of_idle(0), of_busy(0), of_busy_before(0);
  run([&](scope& children) {
    const steady_time begun = world.home.now();
    children.spawn(busy, work(10ms, begun + 1h + 10s, of_busy));
    children.spawn(idle, [&, begun]() -> task<> {
      EXPECT_TRUE(co_await sleep_until(begun + 1h));
      of_busy_before = of_busy;
      co_await work(10ms, begun + 1h + 10s, of_idle);
    });
  });
  EXPECT_GE(of_busy_before, 1h - 20ms);
  EXPECT_NEAR(part(of_idle, 10s), 0.5, 0.01);
}

TEST_F(latency_classes_of_loop, are_not_put_back_for_what_nobody_else_needed) {
  latency_class late("late", 100, world.home);
  latency_class lone("lone", 100, world.home);
  nanoseconds of_late(0), of_lone(0);
  run([&](scope& children) {
    const steady_time begun = world.home.now();
    children.spawn(late, [&, begun]() -> task<> {
      EXPECT_TRUE(co_await sleep_until(begun + 1h));
      co_await work(10ms, begun + 2h + 10s, of_late);
    });
    children.spawn(lone, [&, begun]() -> task<> {
      world.kernel.advance(2h);
      co_await yield();
      co_await work(10ms, begun + 2h + 10s, of_lone);
    });
  });
  EXPECT_NEAR(part(of_late, 10s), 0.5, 0.01);
  EXPECT_NEAR(part(of_lone, 10s), 0.5, 0.01);
}

TEST_F(latency_classes_of_loop, begin_on_a_level_once_none_was_ready) {
  latency_class greedy("greedy", 1, world.home);
  latency_class modest("modest", 1, world.home);
  nanoseconds of_greedy(0), of_modest(0);
  run([&](scope& children) {
    const steady_time later = world.home.now() + 1h;
    const auto both = [&](latency_class& of, nanoseconds at_first, nanoseconds& worked) {
      children.spawn(of, [&, at_first, later]() -> task<> {
        world.kernel.advance(at_first);
        EXPECT_TRUE(co_await sleep_until(later));
        co_await work(1ms, later + 1s, worked);
      });
    };
    both(greedy, 10s, of_greedy);
    both(modest, 1us, of_modest);
  });
  EXPECT_NEAR(part(of_greedy, 1s), 0.5, 0.01);
  EXPECT_NEAR(part(of_modest, 1s), 0.5, 0.01);
}

TEST_F(latency_classes_of_loop, are_those_of_whom_a_task_was_begun_by) {
  run([&](scope& outer) {
    outer.spawn([&]() -> task<> {
      latency_class batch("batch", 10);
      latency_class inner("inner", 10);
      const auto body = [&]() -> task<int> {
        co_await expect_class("batch");
        co_await when_all(expect_class("batch"), with_class(inner, expect_class("inner")));
        EXPECT_TRUE(co_await with_timeout(expect_class("batch"), 1h));
        co_await shield(expect_class("batch"));
        co_await with_scope([&](scope& children) -> task<> {
          children.spawn(expect_class("batch"));
          children.spawn(inner, expect_class("inner"));
          children.spawn(inner, expect_class, "inner");
          co_return;
        });
        co_await with_task_group<void>([&](task_group<>& group) -> task<> {
          group.spawn(expect_class("batch"));
          group.spawn(inner, expect_class("inner"));
          group.spawn(inner, expect_class, "inner");
          while (true) {
            const auto ended = co_await group.next();
            if (!ended) break;
          }
        });
        EXPECT_TRUE(co_await sleep_for(1s));
        outer.spawn(expect_class("batch"));
        co_await yield();
        co_return 7;
      };
      EXPECT_EQ(co_await with_class(batch, body()), 7);
      EXPECT_EQ(class_here(), "");
      EXPECT_TRUE(co_await with_class(batch, sleep_for(1s)));
      EXPECT_TRUE(co_await with_timeout(with_class(batch, expect_class("batch")), 1s));
      co_await expect_class("");
    });
    outer.spawn(expect_class(""));
  });
}

// Of a turn that had begun by the old rules.
TEST_F(latency_classes_of_loop, hold_at_once) {
  run([&](scope& children) {
    children.spawn([&]() -> task<> {
      latency_class made("made", 10);
      co_await with_scope([&](scope& below) -> task<> {
        below.spawn(made, [&]() -> task<> {
          below.spawn(expect_class("made"));
          co_return;
        });
        co_return;
      });
      EXPECT_EQ(made.report().tasks, 0U);
      EXPECT_EQ(made.report().resumed, 3U);
    });
    for (int i = 0; i < 10; ++i) children.spawn(expect_class(""));
  });
}

TEST_F(latency_classes_of_loop, hand_on_exceptions_and_stops) {
  run([&](scope& children) {
    children.spawn([&]() -> task<> {
      latency_class batch("batch", 10);
      std::string said;
      try {
        co_await with_class(batch, invoke([]() -> task<> {
                              co_await yield();
                              throw std::runtime_error("in batch");
                            }));
      } catch (const std::runtime_error& failure) {
        said = failure.what();
      }
      EXPECT_EQ(said, "in batch");
      EXPECT_EQ((co_await with_timeout(with_class(batch, sleep_for(24h)), 1s)).error(),
                std::errc::timed_out);
      co_await with_scope([&](scope& stopped) -> task<> {
        const auto wait = [&]() -> task<> {
          EXPECT_EQ((co_await with_class(batch, sleep_for(24h))).error(),
                    std::errc::operation_canceled);
        };
        const auto finish = [&]() -> task<> {
          EXPECT_TRUE(co_await shield(with_class(batch, sleep_for(1h))));
          EXPECT_TRUE(co_await with_class(batch, shield(sleep_for(1h))));
        };
        stopped.spawn(wait);
        stopped.spawn(batch, finish);
        (void)co_await sleep_for(1s);
        stopped.request_stop();
        stopped.spawn(wait);
        stopped.spawn(batch, wait);
      });
      EXPECT_EQ(batch.report().tasks, 0U);
    });
  });
}

TEST_F(latency_classes_of_loop, may_end_with_the_last_of_their_tasks) {
  run([&](scope& children) {
    auto own = std::make_unique<latency_class>("own", 10);
    latency_class& of = *own;
    children.spawn(of, keep(std::move(own)));
  });
  ASSERT_EQ(latency_classes(world.home).size(), 1U);
  EXPECT_EQ(latency_classes(world.home)[0].name, "default");
  std::vector<std::unique_ptr<latency_class>> all;
  for (int i = 0; i < 31; ++i)
    all.push_back(std::make_unique<latency_class>("of many", 1 + i, world.home));
  EXPECT_DEATH(latency_class("one too many", 1, world.home), "more than 31 latency classes");
}

TEST_F(latency_classes_of_loop, must_outlive_their_tasks) {
  const auto destroy_early = [&] {
    run([&](scope& children) {
      latency_class batch("batch", 10);
      children.spawn(batch, expect_class("batch"));
    });
  };
  EXPECT_DEATH(destroy_early(), "latency class was destroyed that still has tasks");
}

TEST_F(latency_classes_of_loop, are_seen_in_listings) {
  latency_class batch("batch", 10, world.home);
  std::string tasks;
  run([&](scope& children) {
    children.spawn(batch, [&]() -> task<> { (void)co_await sleep_for(1s); });
    children.spawn(batch, [&]() -> task<> {
      co_await yield();
      tasks = text_of(dump_tasks());
    });
    children.spawn(batch, expect_class("batch"));
  });
  EXPECT_NE(tasks.find("task in class batch waits for sleep"), std::string::npos) << tasks;
  EXPECT_NE(tasks.find("task in class batch is ready"), std::string::npos) << tasks;
  const std::string classes = text_of(latency_classes(world.home));
  EXPECT_NE(classes.find("default: 100 shares, 0 tasks, resumed "), std::string::npos) << classes;
  EXPECT_NE(classes.find("\nbatch: 10 shares, 0 tasks, resumed 6 times, ran 0.000 ms, waited "),
            std::string::npos)
      << classes;
}

TEST_F(latency_classes_of_loop, keep_nothing_from_observers) {
  class counting final : public loop_observer {
   public:
    void spawned(const await_chain&) noexcept override { ++begun; }
    void completed(const await_chain&) noexcept override { ++ended; }
    void resumed(const await_chain&) noexcept override { ++resumptions; }
    void suspended() noexcept override { ++suspensions; }
    int begun = 0, ended = 0, resumptions = 0, suspensions = 0;
  } observer;
  latency_class batch("batch", 10, world.home);
  world.home.observe(&observer);
  run([&](scope& children) {
    children.spawn(batch, expect_class("batch"));
    children.spawn([&]() -> task<> { co_await with_class(batch, expect_class("batch")); });
  });
  EXPECT_EQ(observer.begun, 5);  // the main task and the scope's body too
  EXPECT_EQ(observer.ended, 5);
  EXPECT_EQ(observer.resumptions, observer.suspensions);
  EXPECT_EQ(observer.resumptions, static_cast<int>(world.home.counters().resumed));
}

TEST(latency_classes_between_loops, stay_at_home) {
  run_beside([](loop& other) -> task<> {
    loop& home = loop::current();
    latency_class batch("batch", 10);
    co_await with_class(batch, invoke([&]() -> task<> {
                          EXPECT_TRUE(co_await submit_to(other, [] { return expect_class(""); }));
                          co_await travel(invoke([&]() -> task<> {
                            EXPECT_TRUE(co_await resume_on(other));
                            {
                              latency_class there("there", 10);
                              co_await with_class(there, expect_class("there"));
                            }
                            co_await expect_class("");
                            EXPECT_TRUE(co_await resume_on(home));
                            co_await expect_class("batch");
                            EXPECT_TRUE(co_await resume_on(other));
                          }));
                          co_await expect_class("batch");
                        }));
    EXPECT_EQ(batch.report().tasks, 0U);
  });
}

TEST(latency_classes_between_loops, are_not_given_to_tasks_of_others) {
  fake_world world;
  fake_world elsewhere;
  latency_class of_other("of other", 10, elsewhere.home);
  const auto misuse = [&] {
    world.run(invoke([&]() -> task<> { co_await with_class(of_other, expect_class("")); }));
  };
  EXPECT_DEATH(misuse(), "latency class of another loop");
}

}  // namespace
}  // namespace gyre::testing_runtime
