#include "gyre/io/event_counter.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <thread>

#include "gyre/io/write_ops.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

GYRE_TEST(event_counter, what_was_added_is_taken_at_once) {
  event_counter counter = event_counter::create(2).value();
  EXPECT_EQ((co_await counter.take()).value(), 2U);
  counter.post().value();
  counter.post(40).value();
  EXPECT_EQ((co_await counter.take()).value(), 41U);
}

GYRE_TEST(event_counter, a_semaphore_is_taken_one_by_one) {
  event_counter counter = event_counter::create(3, event_counter::taking::one_by_one).value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ((co_await counter.take()).value(), 1U);
  EXPECT_EQ((co_await with_timeout(counter.take(), 1ms)).error(), std::errc::timed_out);
}

GYRE_TEST(event_counter, a_wait_ends_when_another_thread_adds) {
  event_counter counter = event_counter::create().value();
  const std::jthread adder([&] { counter.post(7).value(); });
  EXPECT_EQ((co_await counter.take()).value(), 7U);
}

GYRE_TEST(event_counter, each_of_several_waiters_gets_its_own) {
  event_counter counter = event_counter::create().value();
  int taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&]() -> task<> {
        const auto value = co_await counter.take();
        taken += static_cast<int>(value.value());
        if (taken < 6) counter.post(2).value();
      });
    co_await yield();
    counter.post(2).value();
  });
  EXPECT_EQ(taken, 6);
}

GYRE_TEST(event_counter, a_wait_that_is_stopped_takes_nothing) {
  event_counter counter = event_counter::create().value();
  EXPECT_EQ((co_await with_timeout(counter.take(), 1ms)).error(), std::errc::timed_out);
  counter.post(5).value();
  EXPECT_EQ((co_await counter.take()).value(), 5U);
}

GYRE_TEST(event_counter, more_than_it_holds_is_not_added) {
  event_counter counter = event_counter::create(1).value();
  EXPECT_EQ(counter.post(UINT64_MAX).error(), std::errc::invalid_argument);
  EXPECT_EQ(counter.post(UINT64_MAX - 1).error(), std::errc::resource_unavailable_try_again);
  EXPECT_EQ((co_await counter.take()).value(), 1U);
  counter.post(UINT64_MAX - 1).value();
  EXPECT_EQ((co_await counter.take()).value(), UINT64_MAX - 1);
}

/// One that holds so much that there is room for 1, but not for 2: to poll(2) it is writable.
event_counter almost_full() {
  event_counter counter = event_counter::create().value();
  counter.post(UINT64_MAX - 2).value();
  return counter;
}

constexpr std::array<std::uint64_t, 1> two = {2};

GYRE_TEST(event_counter, a_write_that_has_no_room_waits_until_it_has) {
  for (const bool kernel_has_it : {false, true}) {
    event_counter counter = almost_full();
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        EXPECT_EQ((co_await op::write(counter.counter(), std::as_bytes(std::span(two)))).value(),
                  sizeof two);
      });
      co_await yield();
      if (kernel_has_it) (void)co_await sleep_for(2ms);
      EXPECT_EQ((co_await counter.take()).value(), UINT64_MAX - 2);
    });
    EXPECT_EQ((co_await counter.take()).value(), 2U);
  }
}

GYRE_TEST(event_counter, several_that_have_no_room_get_it_in_turn) {
  event_counter counter = almost_full();
  std::uint64_t taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&]() -> task<> {
        (co_await op::write(counter.counter(), std::as_bytes(std::span(two)))).value();
      });
    co_await yield();
    taken = (co_await counter.take()).value();
  });
  taken += (co_await counter.take()).value();
  EXPECT_EQ(taken, UINT64_MAX - 2 + 6);
}

// However long that is, a loop that waits has gone to sleep a few times.
GYRE_TEST(event_counter, a_write_that_has_no_room_lets_the_thread_sleep) {
  event_counter counter = almost_full();
  const backend_counters& counters = loop::current().kernel().counters();
  const std::uint64_t waits = counters.waits;
  const auto written =
      co_await with_timeout(op::write(counter.counter(), std::as_bytes(std::span(two))), 100ms);
  EXPECT_EQ(written.error(), std::errc::timed_out);
  EXPECT_LT(counters.waits - waits, 50U);
  EXPECT_EQ((co_await counter.take()).value(), UINT64_MAX - 2);
}

GYRE_TEST(event_counter, closing_it_ends_a_write_that_has_no_room) {
  event_counter counter = almost_full();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await op::write(counter.counter(), std::as_bytes(std::span(two)))).error(),
                std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    (co_await counter.close()).value();
  });
}

GYRE_TEST(event_counter, closing_it_ends_a_wait) {
  event_counter counter = event_counter::create().value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await counter.take()).error(), std::errc::operation_canceled);
    });
    co_await yield();
    (co_await counter.close()).value();
  });
  EXPECT_EQ((co_await counter.take()).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST_STOPPED_ANYWHERE(event_counter, a_stop_leaves_nothing) {
  event_counter counter = event_counter::create().value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await counter.take(); });
    co_await yield();
    counter.post().value();
  });
  event_counter full = almost_full();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (void)co_await op::write(full.counter(), std::as_bytes(std::span(two)));
    });
    co_await yield();
    (void)co_await full.take();
  });
}

}  // namespace
}  // namespace gyre::conformance
