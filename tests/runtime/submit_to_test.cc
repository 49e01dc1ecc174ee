#include "gyre/runtime/submit_to.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"
#include "gyre/tests/runtime/other_loop.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

/// Says on which thread it is destroyed.
class traced {
 public:
  explicit traced(std::thread::id& destroyed_on) : destroyed_on_(&destroyed_on) {}
  traced(const traced&) = delete;
  traced& operator=(const traced&) = delete;
  ~traced() { *destroyed_on_ = std::this_thread::get_id(); }

 private:
  std::thread::id* destroyed_on_;
};

TEST(submit_to, calls_functions_on_the_thread_of_the_other_loop) {
  run_beside([](loop& other) -> task<> {
    const auto here = std::this_thread::get_id();
    loop& home = loop::current();
    const auto there = co_await submit_to(other, [&] {
      EXPECT_EQ(&loop::current(), &other);
      return std::this_thread::get_id();
    });
    EXPECT_NE(there.value(), here);
    EXPECT_EQ(&loop::current(), &home);
    EXPECT_EQ(std::this_thread::get_id(), here);
    bool called = false;
    const result<void> nothing = co_await submit_to(other, [&] { called = true; });
    EXPECT_TRUE(nothing);
    EXPECT_TRUE(called);
  });
}

TEST(submit_to, awaits_tasks_on_the_other_loop) {
  run_beside([](loop& other) -> task<> {
    const auto slow = [&]() -> task<std::unique_ptr<int>> {
      EXPECT_EQ(&loop::current(), &other);
      (void)co_await sleep_for(1h);
      EXPECT_EQ(&loop::current(), &other);
      co_return std::make_unique<int>(5);
    };
    EXPECT_EQ(*(co_await submit_to(other, slow)).value(), 5);
    int turns = 0;
    const result<void> nothing = co_await submit_to(other, [&]() -> task<> {
      for (; turns < 3; ++turns) co_await yield();
    });
    EXPECT_TRUE(nothing);
    EXPECT_EQ(turns, 3);
  });
}

TEST(submit_to, passes_results_through_and_exceptions_back) {
  run_beside([](loop& other) -> task<> {
    const result<int> refused = co_await submit_to(
        other, []() -> result<int> { return std::errc::no_such_file_or_directory; });
    EXPECT_EQ(refused.error(), std::errc::no_such_file_or_directory);
    const result<int> had = co_await submit_to(other, []() -> task<result<int>> { co_return 3; });
    EXPECT_EQ(had.value(), 3);
    for (loop* target : {&other, &loop::current()}) {
      std::string said;
      try {
        (void)co_await submit_to(*target, []() -> int { throw std::runtime_error("function "); });
      } catch (const std::runtime_error& failure) {
        said += failure.what();
      }
      try {
        (void)co_await submit_to(*target, []() -> task<> {
          co_await yield();
          throw std::runtime_error("task ");
        });
      } catch (const std::runtime_error& failure) {
        said += failure.what();
      }
      try {
        (void)co_await submit_to(*target, []() -> task<> { throw std::runtime_error("at once"); });
      } catch (const std::runtime_error& failure) {
        said += failure.what();
      }
      EXPECT_EQ(said, "function task at once");
    }
  });
}

TEST(submit_to, on_its_own_loop_is_a_plain_call) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ((co_await submit_to(world.home, [] { return 1; })).value(), 1);
    const auto waiting = []() -> task<int> {
      co_await yield();
      co_return 2;
    };
    EXPECT_EQ((co_await submit_to(world.home, waiting)).value(), 2);
    EXPECT_EQ((co_await with_timeout(submit_to(world.home, wait_for_ever), 1s)).error(),
              std::errc::timed_out);
  }));
  EXPECT_EQ(world.home.counters().messages, 0U);
}

TEST(submit_to, destroys_what_was_called_on_the_other_thread_and_keeps_the_function) {
  run_beside([](loop& other) -> task<> {
    std::thread::id frame_gone;
    auto owner = std::make_unique<int>(1);
    auto function = [owner = std::move(owner),
                     &frame_gone]() mutable -> task<std::unique_ptr<int>> {
      const traced local(frame_gone);
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_EQ(*owner, 1);
      co_return std::move(owner);
    };
    const auto there = co_await submit_to(other, function);
    EXPECT_EQ(*there.value(), 1);
    EXPECT_NE(frame_gone, std::this_thread::get_id());
    EXPECT_NE(frame_gone, std::thread::id());
  });
}

TEST(submit_to, carries_a_stop_to_what_was_called) {
  run_beside([](loop& other) -> task<> {
    for (int i = 0; i < 100; ++i) {
      const auto waited = co_await with_timeout(submit_to(other, wait_for_ever), 1s);
      EXPECT_EQ(waited.error(), std::errc::timed_out);
    }
  });
}

TEST(submit_to, gives_what_a_call_came_to_in_spite_of_a_stop) {
  run_beside([](loop& other) -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      std::atomic<bool> begun = false;
      children.spawn([&]() -> task<> {
        const auto stubborn = [&]() -> task<int> {
          begun = true;
          EXPECT_FALSE(co_await wait_for_ever());
          co_return 6;
        };
        EXPECT_EQ((co_await submit_to(other, stubborn)).value(), 6);
        // What begins now is not called any more.
        bool called = false;
        const auto late = co_await submit_to(other, [&] { called = true; });
        EXPECT_EQ(late.error(), std::errc::operation_canceled);
        const auto late_here = co_await submit_to(loop::current(), [&] { called = true; });
        EXPECT_EQ(late_here.error(), std::errc::operation_canceled);
        EXPECT_FALSE(called);
      });
      while (!begun) co_await yield();
      children.request_stop();
    });
  });
}

TEST(submit_to, survives_a_stop_at_any_moment) {
  run_beside([](loop& other) -> task<> {
    int answered = 0;
    for (int round = 0; round < 3000; ++round) {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          bool called = false;
          const auto came_to = co_await submit_to(other, [&called, round]() -> task<int> {
            called = true;
            for (int i = 0; i < round % 4; ++i) co_await yield();
            co_return 1;
          });
          EXPECT_EQ(came_to.has_value(), called);
          ++answered;
        });
        children.spawn([&]() -> task<> {
          bool called = false;
          const auto came_to = co_await submit_to(other, [&called] { called = true; });
          EXPECT_EQ(came_to.has_value(), called);
          ++answered;
        });
        for (int i = 0; i < round % 32; ++i) co_await yield();
        children.request_stop();
      });
    }
    EXPECT_EQ(answered, 6000);
  });
}

TEST(submit_to, is_refused_once_the_other_loop_ends) {
  for (int round = 0; round < 200; ++round) {
    auto other = std::make_unique<other_loop>();
    fake_world world;
    world.run(invoke([&]() -> task<> {
      // One that is being served, and is stopped by the end of its loop.
      co_await with_scope([&](scope& children) -> task<> {
        std::atomic<bool> begun = false;
        children.spawn([&]() -> task<> {
          const auto wait = [&]() -> task<result<void>> {
            begun = true;
            co_return co_await wait_for_ever();
          };
          EXPECT_EQ((co_await submit_to(other->home(), wait)).error(),
                    std::errc::operation_canceled);
        });
        for (int i = 0; i < round % 3; ++i) co_await yield();
        other->end();
        std::thread destroying;
        int refused = 0;
        for (int i = 0; i < 100; ++i)
          children.spawn([&]() -> task<> {
            bool called = false;
            const auto came_to = co_await submit_to(other->home(), [&] { called = true; });
            EXPECT_EQ(came_to.has_value(), called);
            if (!came_to) {
              EXPECT_EQ(came_to.error(), std::errc::operation_canceled);
            }
            ++refused;
          });
        // All have been sent; the loop is destroyed with what it has not delivered.
        co_await yield();
        destroying = std::thread([&] { other.reset(); });
        while (refused < 100) co_await yield();
        destroying.join();
      });
    }));
  }
}

TEST(submit_to, calls_of_one_loop_begin_in_order) {
  run_beside([](loop& other) -> task<> {
    std::vector<int> order;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 1000; ++i)
        children.spawn([&, i]() -> task<> {
          EXPECT_TRUE(co_await submit_to(other, [&, i] { order.push_back(i); }));
        });
      co_return;
    });
    EXPECT_EQ(order.size(), 1000U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  });
}

TEST(submit_to, allocates_nothing_in_a_steady_state) {
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  const auto before = frame_pool::heap_allocations();
  frame_pool::deallocate(frame_pool::allocate(1000), 1000);
  if (frame_pool::heap_allocations() != before) return;  // nothing is kept under AddressSanitizer
  run_beside([](loop& other) -> task<> {
    const auto round = [&]() -> task<> {
      EXPECT_TRUE(co_await submit_to(other, [] { return 1; }));
      EXPECT_TRUE(co_await submit_to(other, []() -> task<int> {
        co_await yield();
        co_return 2;
      }));
    };
    for (int i = 0; i < 3; ++i) co_await round();
    const auto allocations = counted_heap::allocations();
    for (int i = 0; i < 100; ++i) co_await round();
    EXPECT_EQ(counted_heap::allocations(), allocations);
  });
}

}  // namespace
}  // namespace gyre::testing_runtime
