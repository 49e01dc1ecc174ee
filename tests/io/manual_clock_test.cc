#include "gyre/runtime/manual_clock.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/run.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;

/// Each backend, under a clock that jumps.
class under_a_manual_clock : public testing::TestWithParam<backend_choice> {
 protected:
  void run(task<> main) {
    run_options options;
    options.backend = GetParam();
    options.manual_clock = true;
    gyre::run(std::move(main), options);
  }
};

INSTANTIATE_TEST_SUITE_P(backends, under_a_manual_clock,
                         testing::Values(backend_choice::uring, backend_choice::epoll,
                                         backend_choice::threads));

steady_time now() {
  return loop::current().now();
}

TEST_P(under_a_manual_clock, a_day_of_sleep_is_over_at_once_and_is_a_day) {
  const auto real = std::chrono::steady_clock::now();
  run([]() -> task<> {
    const steady_time start = now();
    (co_await sleep_for(24h)).value();
    EXPECT_GE(now() - start, 24h);
    EXPECT_LT(now() - start, 24h + 1s);
  }());
  EXPECT_LT(std::chrono::steady_clock::now() - real, 1h);
}

TEST_P(under_a_manual_clock, sleepers_wake_in_the_order_of_their_deadlines) {
  std::vector<int> order;
  run([](auto& order) -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (const int hours : {3, 1, 2})
        children.spawn([&order, hours]() -> task<> {
          (void)co_await sleep_for(std::chrono::hours(hours));
          order.push_back(hours);
        });
      co_return;
    });
  }(order));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_P(under_a_manual_clock, no_time_passes_while_a_task_can_go_on) {
  run([]() -> task<> {
    const steady_time start = now();
    for (int i = 0; i < 10'000; ++i) co_await yield();
    EXPECT_EQ(now(), start);
  }());
}

TEST_P(under_a_manual_clock, a_read_that_nobody_answers_times_out) {
  run([]() -> task<> {
    pipe both = pipe::create(4096).value();
    std::array<std::byte, 4> buffer;
    const steady_time start = now();
    const auto read = co_await with_timeout(op::read(both.read_end, buffer), 1h);
    EXPECT_EQ(read.error(), std::errc::timed_out);
    EXPECT_GE(now() - start, 1h);
  }());
}

TEST_P(under_a_manual_clock, a_read_that_is_answered_by_a_sleeper_takes_as_long_as_it_sleeps) {
  run([]() -> task<> {
    pipe both = pipe::create(4096).value();
    std::array<std::byte, 4> buffer{};
    const steady_time start = now();
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        (co_await sleep_for(10min)).value();
        (co_await op::write(both.write_end, buffer)).value();
      });
      const auto read = co_await with_timeout(op::read(both.read_end, buffer), 1h);
      EXPECT_EQ(read.value(), buffer.size());
      EXPECT_LT(now() - start, 11min);
    });
  }());
}

TEST_P(under_a_manual_clock, files_take_no_time) {
  run([]() -> task<> {
    const steady_time start = now();
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([]() -> task<> { (void)co_await sleep_for(1ms); });
      file scratch = (co_await file::open(testing::TempDir(), O_RDWR | O_TMPFILE, 0600)).value();
      std::vector<std::byte> content(1 << 20);
      for (int i = 0; i < 10; ++i) {
        (co_await scratch.write_at(content, 0)).value();
        (co_await scratch.sync()).value();
      }
      EXPECT_EQ((co_await scratch.read_at(content, 0)).value(), content.size());
      (co_await scratch.close()).value();
      EXPECT_EQ(now(), start);
    });
  }());
}

TEST_P(under_a_manual_clock, another_thread_may_wake_a_task_that_waits_without_a_deadline) {
  class set_event final : public message {
   public:
    explicit set_event(event& target) noexcept : target_(target) {}

   private:
    void delivered() noexcept override { target_.set(); }
    event& target_;
  };
  run([]() -> task<> {
    event told;
    set_event news(told);
    std::thread sender([&news, &home = loop::current()] { home.post(news); });
    EXPECT_TRUE(co_await told.wait());
    sender.join();
  }());
}

TEST_P(under_a_manual_clock, the_clock_can_be_put_forward) {
  run_options options;
  options.backend = GetParam();
  auto kernel = std::make_unique<manual_clock>(make_backend(GetParam(), options.uring, {}));
  manual_clock& clock = *kernel;
  loop home(std::move(kernel));
  run_on(home, [](manual_clock& clock) -> task<> {
    const steady_time start = now();
    clock.advance(1h);
    EXPECT_EQ(now() - start, 1h);
    clock.advance(std::chrono::nanoseconds::max());
    EXPECT_EQ(now(), never);
    co_return;
  }(clock));
}

task<> wait_for_ever() {
  event never_set;
  (void)co_await never_set.wait();
}

TEST(manual_clock, ends_the_process_when_all_tasks_wait_for_ever) {
  run_options options;
  options.manual_clock = true;
  EXPECT_DEATH(run(wait_for_ever(), options),
               "all tasks wait.*task waits for event.*wait_for_ever \\(");
}

}  // namespace
}  // namespace gyre
