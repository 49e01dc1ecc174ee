#include "gyre/io/stall_detector.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/runtime/fiber.h"
#include "gyre/runtime/sleep.h"

namespace gyre::testing_stalls {

using namespace std::chrono_literals;

/// What the log hook was told.
class sentences {
 public:
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return said_.size();
  }
  std::string at(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return said_.at(index);
  }
  /// Options that report here.
  run_options watched(std::chrono::nanoseconds limit) {
    run_options options;
    options.backend = backend_choice::threads;
    options.stall_limit = limit;
    options.log = [this](std::string_view sentence) {
      const std::lock_guard lock(mutex_);
      said_.emplace_back(sentence);
    };
    return options;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> said_;
};

// Not among those of this file alone: the linker exports its name.
[[gnu::noinline]] void spin_until_told(const sentences& told, std::size_t count) {
  while (told.count() < count) std::this_thread::yield();
}

namespace {

task<> hold_the_loop(const sentences& told, std::size_t count) {
  spin_until_told(told, count);
  co_return;
}

TEST(stall_detector, names_the_function_that_holds_the_loop) {
  sentences told;
  run(hold_the_loop(told, 1), told.watched(10ms));
  ASSERT_EQ(told.count(), 1U);
  const std::string said = told.at(0);
  EXPECT_TRUE(said.starts_with("a task has held its loop for ")) << said;
  EXPECT_NE(said.find(" so far, at most 10 ms are allowed, here:\n"), std::string::npos) << said;
  EXPECT_NE(said.find("spin_until_told(gyre::testing_stalls::sentences const&"), std::string::npos)
      << said;
}

[[gnu::noinline]] void spin_below(std::size_t bytes, const sentences& told) {
  auto* const taken = static_cast<volatile char*>(__builtin_alloca(bytes));
  for (std::size_t i = 0; i < bytes; i += 64) taken[i] = 1;
  spin_until_told(told, 1);
  taken[0] = 2;
}

TEST(stall_detector, needs_no_stack_of_the_fiber_that_it_interrupts) {
  constexpr std::size_t stack = 64 << 10;
  sentences told;
  run(fiber([&told] { spin_below(stack - 4500, told); }, stack), told.watched(10ms));
  EXPECT_EQ(told.count(), 1U);
}

TEST(stall_detector, reports_each_stall_once) {
  sentences told;
  run(invoke([&]() -> task<> {
        for (std::size_t stall = 1; stall <= 2; ++stall) {
          spin_until_told(told, stall);
          const auto end = std::chrono::steady_clock::now() + 50ms;
          while (std::chrono::steady_clock::now() < end) continue;
          EXPECT_EQ(told.count(), stall);
          co_await yield();
        }
      }),
      told.watched(20ms));
}

TEST(stall_detector, takes_a_loop_that_waits_for_none_that_is_held) {
  sentences told;
  run(invoke([]() -> task<> { (void)co_await sleep_for(500ms); }), told.watched(200ms));
  EXPECT_EQ(told.count(), 0U);
}

TEST(stall_detector, watches_each_of_several_loops) {
  sentences told;
  run_options options = told.watched(1ms);
  options.cores = 2;
  run_on_cores(options, [&](cores&, unsigned) -> task<> { return hold_the_loop(told, 2); });
  EXPECT_GE(told.count(), 2U);
}

TEST(stall_detector, leaves_the_handler_of_the_program_alone) {
  sentences told;
  struct sigaction before;
  struct sigaction own{};
  own.sa_handler = [](int) {};
  sigaction(SIGURG, &own, &before);
  run(hold_the_loop(told, 2), told.watched(1ms));
  struct sigaction after;
  sigaction(SIGURG, &before, &after);
  EXPECT_EQ(after.sa_handler, own.sa_handler);
  EXPECT_NE(told.at(0).find("SIGURG has a handler already"), std::string::npos) << told.at(0);
  EXPECT_TRUE(told.at(1).ends_with(" so far, at most 1 ms are allowed")) << told.at(1);
}

}  // namespace
}  // namespace gyre::testing_stalls
