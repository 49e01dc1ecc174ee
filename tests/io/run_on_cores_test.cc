#include <sched.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include "gyre/io/run.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

// Several loops that begin, talk to each other, and end.
namespace gyre {
namespace {

using namespace std::chrono_literals;

run_options with_cores(unsigned cores) {
  run_options options;
  options.cores = cores;
  options.pin = false;
  return options;
}

task<> wait_for_ever() {
  (void)co_await sleep_for(1h);
}

TEST(run_on_cores, a_message_of_the_first_turn_reaches_every_core) {
  // The first core posts as soon as it runs; the others may be slow to start.
  for (int round = 0; round < 50; ++round) {
    std::array<event, 4> told;
    run_on_cores(with_cores(4), [&](cores& all, unsigned core) -> task<> {
      if (core == 0) all.post_to_each([&](unsigned each) { told[each].set(); });
      (void)co_await told[core].wait();
    });
  }
}

TEST(run_on_cores, each_core_can_read_the_report_of_every_other) {
  run_options options = with_cores(3);
  options.backend = backend_choice::threads;
  std::atomic<int> read = 0;
  run_on_cores(options, [&](cores& all, unsigned) -> task<> {
    for (unsigned each = 0; each < all.count(); ++each)
      read += all.report(each).summary() == loop::current().kernel().report().summary();
    co_return;
  });
  EXPECT_EQ(read, 9);
}

TEST(run_on_cores, an_exception_stops_the_others) {
  for (int round = 0; round < 50; ++round) {
    std::string said;
    try {
      run_on_cores(with_cores(4), [](cores&, unsigned core) -> task<> {
        if (core == 2) throw std::runtime_error("two");
        co_await wait_for_ever();
      });
    } catch (const std::runtime_error& failure) {
      said = failure.what();
    }
    EXPECT_EQ(said, "two");
  }
}

TEST(run_on_cores, a_core_without_a_backend_stops_the_others) {
  // The backend of a core is made on its own thread: the hook tells them apart.
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> begun = 0;
    run_options options = with_cores(4);
    options.uring.size.submissions = 1U << 31;  // no kernel makes a ring of that size
    options.backend = backend_choice::uring;
    EXPECT_THROW(run_on_cores(options,
                              [&](cores&, unsigned) -> task<> {
                                ++begun;
                                co_return;
                              }),
                 std::exception);
    EXPECT_EQ(begun, 0);
  }
}

TEST(run_on_cores, a_message_to_a_core_that_ends_is_dropped) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> outside = 0;
    run_on_cores(with_cores(4), [&](cores& all, unsigned) -> task<> {
      for (int i = 0; i < 20; ++i) {
        all.post_to_each([&](unsigned) { outside += loop::current_or_null() == nullptr; });
        co_await yield();
      }
    });
    EXPECT_EQ(outside, 0);
  }
}

TEST(run_on_cores, the_caller_gets_its_cpus_back) {
  cpu_set_t before;
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  run_on_cores(with_cores(2), [](cores&, unsigned) -> task<> { co_return; });
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(run_on_cores, an_exception_of_a_posted_function_comes_out) {
  std::string said;
  try {
    run_on_cores(with_cores(3), [](cores& all, unsigned core) -> task<> {
      if (core == 1)
        all.post_to_each([](unsigned each) {
          if (each == 2) throw std::runtime_error("posted");
        });
      co_await wait_for_ever();
    });
  } catch (const std::runtime_error& failure) {
    said = failure.what();
  }
  EXPECT_EQ(said, "posted");
}

TEST(run_on_cores, calls_go_from_every_core_to_every_core) {
  std::array<int, 4> called{};
  run_on_cores(with_cores(4), [&](cores& all, unsigned core) -> task<> {
    for (int round = 0; round < 50; ++round)
      for (unsigned to = 0; to < all.count(); ++to) {
        const auto came_to = co_await all.submit_to(to, [&, to]() -> task<unsigned> {
          EXPECT_EQ(&loop::current(), &all.at(to));
          ++called[to];
          co_await yield();
          co_return core + to;
        });
        // One that has ended first says so.
        if (came_to) {
          EXPECT_EQ(*came_to, core + to);
        } else {
          EXPECT_EQ(came_to.error(), std::errc::operation_canceled);
        }
      }
  });
  EXPECT_GE(called[0], 50);
}

TEST(run_on_cores, a_core_whose_main_task_has_ended_refuses_calls) {
  run_on_cores(with_cores(3), [&](cores& all, unsigned core) -> task<> {
    if (core != 0) co_return;
    for (unsigned other : {1U, 2U})
      while (co_await all.submit_to(other, [] {})) continue;
    for (int i = 0; i < 100; ++i) {
      const auto refused = co_await all.submit_to(2, [] { ADD_FAILURE() << "it was called"; });
      EXPECT_EQ(refused.error(), std::errc::operation_canceled);
    }
    all.post_to_each([](unsigned each) { EXPECT_EQ(each, 0U); });
    co_await yield();
  });
}

TEST(run_on_cores, a_task_travels_to_every_core_also_to_those_that_have_ended) {
  std::atomic<unsigned> seen = 0;
  run_on_cores(with_cores(4), [&](cores& all, unsigned core) -> task<> {
    const auto journey = [&]() -> task<> {
      for (unsigned i = 1; i <= all.count(); ++i) {
        loop& next = all.at((core + i) % all.count());
        EXPECT_TRUE(co_await resume_on(next));
        seen += &loop::current() == &next;
        co_await yield();
      }
    };
    for (int round = 0; round < 50; ++round) co_await travel(journey());
    if (core == 0) {
      while (co_await spawn_on(all.at(1), wait_for_ever())) continue;
    }
  });
  EXPECT_EQ(seen, 4 * 4 * 50U);
}

TEST(run_on_cores, a_failure_ends_calls_between_the_others) {
  for (int round = 0; round < 20; ++round)
    EXPECT_THROW(run_on_cores(with_cores(4),
                              [&](cores& all, unsigned core) -> task<> {
                                if (core == 3) throw std::runtime_error("three");
                                (void)co_await all.submit_to((core + 1) % 3, wait_for_ever);
                              }),
                 std::runtime_error);
}

}  // namespace
}  // namespace gyre
