#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "gyre/io/futex_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Wakes `count` that wait, which may have yet to begin.
task<> wake_all_of(const std::atomic<std::uint32_t>& word, unsigned count,
                   futex_sharing sharing = futex_sharing::in_process) {
  for (unsigned woken = 0; woken < count;) {
    woken += (co_await op::futex_wake(word, count - woken, sharing)).value();
    (void)co_await sleep_for(100us);
  }
}

GYRE_TEST(futex, a_word_of_another_value_is_not_waited_for) {
  const std::atomic<std::uint32_t> word = 1;
  EXPECT_EQ((co_await op::futex_wait(word, 2)).error(), std::errc::resource_unavailable_try_again);
}

GYRE_TEST(futex, a_wait_ends_when_it_is_woken) {
  for (const auto sharing : {futex_sharing::in_process, futex_sharing::between_processes}) {
    const std::atomic<std::uint32_t> word = 1;
    bool woken = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        woken = static_cast<bool>(co_await op::futex_wait(word, 1, sharing));
      });
      co_await wake_all_of(word, 1, sharing);
    });
    EXPECT_TRUE(woken);
  }
}

GYRE_TEST(futex, a_thread_that_changes_the_word_wakes) {
  std::atomic<std::uint32_t> word = 0;
  const std::jthread other([&] {
    word = 1;
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  });
  while (word == 0) {
    const auto waited = co_await op::futex_wait(word, 0);
    EXPECT_TRUE(waited || waited.error() == std::errc::resource_unavailable_try_again);
  }
}

GYRE_TEST(futex, as_many_are_woken_as_were_asked_for) {
  const std::atomic<std::uint32_t> word = 0;
  int woken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 5; ++i)
      children.spawn([&]() -> task<> {
        if (co_await op::futex_wait(word, 0)) ++woken;
      });
    co_await wake_all_of(word, 3);
    while (woken < 3) (co_await sleep_for(100us)).value();
    children.request_stop();
  });
  EXPECT_EQ(woken, 3);
}

GYRE_TEST(futex, more_waits_than_threads_of_the_pool_hold_nobody_up) {
  const std::atomic<std::uint32_t> word = 0;
  constexpr unsigned waiters = 20;
  unsigned woken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (unsigned i = 0; i < waiters; ++i)
      children.spawn([&]() -> task<> {
        if (co_await op::futex_wait(word, 0)) ++woken;
      });
    co_await wake_all_of(word, waiters);
  });
  EXPECT_EQ(woken, waiters);
}

GYRE_TEST(futex, nobody_to_be_woken_is_none) {
  const std::atomic<std::uint32_t> word = 0;
  EXPECT_EQ((co_await op::futex_wake(word, 1)).value(), 0U);
}

GYRE_TEST(futex, a_wait_that_times_out_is_gone) {
  const std::atomic<std::uint32_t> word = 0;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ((co_await with_timeout(op::futex_wait(word, 0), 1ms)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await op::futex_wake(word, 1)).value(), 0U);
  }
}

// One that was woken says so, whatever came at the same time.
GYRE_TEST(futex, no_wake_is_lost_to_a_deadline) {
  const std::atomic<std::uint32_t> word = 0;
  unsigned woken = 0;
  unsigned told = 0;
  for (int round = 0; round < times(100); ++round) {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        if (co_await with_timeout(op::futex_wait(word, 0), 200us)) ++told;
      });
      (void)co_await sleep_for(std::chrono::microseconds(100 + 2 * round));
      woken += (co_await op::futex_wake(word, 1)).value();
    });
  }
  EXPECT_EQ(told, woken);
}

GYRE_TEST_STOPPED_ANYWHERE(futex, a_stop_leaves_nothing) {
  const std::atomic<std::uint32_t> word = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await op::futex_wait(word, 0); });
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
}

}  // namespace
}  // namespace gyre::conformance
