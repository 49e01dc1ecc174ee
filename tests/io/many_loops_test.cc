#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/run.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/resources.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;
using conformance::resources;

class many_loops : public testing::TestWithParam<backend_choice> {};

INSTANTIATE_TEST_SUITE_P(backends, many_loops,
                         testing::Values(backend_choice::uring, backend_choice::epoll,
                                         backend_choice::threads));

/// Uses a wait that is stopped, a file and a timer.
task<> use_everything() {
  pipe both = pipe::create(4096).value();
  descriptor here(AT_FDCWD);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::byte byte{};
      const auto got = co_await op::read(both.read_end, std::span(&byte, 1));
      EXPECT_EQ(got.error(), std::errc::operation_canceled);
    });
    auto opened = co_await op::openat2(here, "/proc/self/stat", O_RDONLY, 0, 0);
    EXPECT_TRUE(opened);
    (void)co_await sleep_for(1us);
    children.request_stop();
  });
}

run_options options_of(backend_choice choice) {
  run_options options;
  options.backend = choice;
  return options;
}

TEST_P(many_loops, one_after_the_other_leave_nothing) {
  run(use_everything(), options_of(GetParam()));
  const resources before = resources::in_use();
  for (int i = 0; i < 1000; ++i) run(use_everything(), options_of(GetParam()));
  EXPECT_EQ(resources::settled(before), before);
}

TEST_P(many_loops, that_never_run_leave_nothing) {
  const resources before = resources::in_use();
  for (int i = 0; i < 1000; ++i) {
    const loop home(make_backend(GetParam(), uring_options(), {}));
    EXPECT_EQ(home.timers_armed(), 0U);
  }
  EXPECT_EQ(resources::settled(before), before);
}

TEST_P(many_loops, at_once_on_one_thread_work_and_leave_nothing) {
  const resources before = resources::in_use();
  {
    // More than a thread may register rings in the kernel, which is 16.
    std::vector<std::unique_ptr<loop>> loops;
    for (int i = 0; i < 40; ++i) {
      uring_options uring;
      uring.size.submissions = 8;
      uring.size.completions = 16;
      loops.push_back(std::make_unique<loop>(make_backend(GetParam(), uring, {})));
    }
    for (auto& each : loops) run_on(*each, use_everything());
  }
  EXPECT_EQ(resources::settled(before), before);
}

TEST_P(many_loops, on_threads_that_come_and_go_leave_nothing) {
  const resources before = resources::in_use();
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([] { run(use_everything(), options_of(GetParam())); });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(resources::settled(before), before);
}

TEST_P(many_loops, on_cores_that_fail_at_every_moment_leave_nothing) {
  const resources before = resources::in_use();
  run_options options = options_of(GetParam());
  options.cores = 4;
  options.pin = false;
  for (unsigned round = 0; round < 50; ++round) {
    const auto fail_on_one = [&](cores& all, unsigned core) -> task<> {
      if (core == round % 4) throw std::runtime_error("on purpose");
      (void)co_await sleep_for(1h);
      all.post_to_each([](unsigned) {});
    };
    EXPECT_THROW(run_on_cores(options, fail_on_one), std::runtime_error);
  }
  EXPECT_EQ(resources::settled(before), before);
}

}  // namespace
}  // namespace gyre
