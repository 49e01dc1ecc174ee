#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "gyre/net/tcp.h"
#include "gyre/runtime/interval.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

task<result<std::size_t>> read_in_a_task(tcp_stream& stream, std::span<std::byte> buffer) {
  co_return co_await stream.read_some(buffer);
}

GYRE_TEST(timeouts, an_operation_in_time_gives_its_result) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  (co_await with_timeout(pair.client.write_all(bytes_of("data")), 10s)).value();
  EXPECT_EQ((co_await with_timeout(pair.server.read_exactly(buffer), 10s)).value(), 4U);
  EXPECT_EQ(loop::current().timers_armed(), 0U);
}

GYRE_TEST(timeouts, an_operation_that_takes_too_long_is_timed_out_and_not_before) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto start = std::chrono::steady_clock::now();
  const auto got = co_await with_timeout(pair.server.read_some(buffer), 3ms);
  EXPECT_EQ(got.error(), std::errc::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 3ms);

  (co_await pair.client.write_all(bytes_of("late"))).value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
}

GYRE_TEST(timeouts, a_task_that_takes_too_long_is_stopped_and_timed_out) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto got = co_await with_timeout(read_in_a_task(pair.server, buffer), 1ms);
  EXPECT_EQ(got.error(), std::errc::timed_out);
}

GYRE_TEST(timeouts, an_accept_and_a_connect_time_out) {
  listen_options options;
  options.backlog = 0;
  auto listener = tcp_listener::bind(endpoint::loopback_v4(0), options).value();
  const endpoint peer = listener.local().value();
  EXPECT_EQ((co_await with_timeout(listener.accept(), 1ms)).error(), std::errc::timed_out);
  auto first = (co_await tcp_stream::connect(peer)).value();
  const auto second = co_await with_timeout(tcp_stream::connect(peer), 1ms);
  EXPECT_EQ(second.error(), std::errc::timed_out);
}

GYRE_TEST(timeouts, an_error_in_time_is_that_error) {
  endpoint nobody = listen_on_loopback().local().value();
  const auto refused = co_await with_timeout(tcp_stream::connect(nobody), 10s);
  EXPECT_EQ(refused.error(), std::errc::connection_refused);
}

GYRE_TEST(timeouts, a_deadline_in_the_past_ends_the_wait_and_loses_nothing) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto past = loop::current().now() - 1s;
  const auto nothing = co_await with_deadline(pair.server.read_some(buffer), past);
  EXPECT_EQ(nothing.error(), std::errc::timed_out);

  (co_await pair.client.write_all(bytes_of("data"))).value();
  auto some = co_await with_deadline(pair.server.read_some(buffer), past);
  const std::size_t got = std::move(some).value_or(0);
  const auto rest = std::span(buffer).subspan(got);
  EXPECT_EQ((co_await pair.server.read_exactly(rest)).value(), rest.size());
  EXPECT_EQ(text_of(buffer), "data");
}

GYRE_TEST(timeouts, spans_at_both_ends_of_the_range_do_what_they_say) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  for (const auto none : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    const auto got = co_await with_timeout(pair.server.read_some(buffer), none);
    EXPECT_EQ(got.error(), std::errc::timed_out);
  }
  (co_await pair.client.write_all(bytes_of("data"))).value();
  (co_await with_timeout(pair.server.read_exactly(buffer), std::chrono::hours::max())).value();
  (co_await with_deadline(pair.client.write_all(bytes_of("data")), never)).value();
}

GYRE_TEST(timeouts, a_stop_is_no_timeout) {
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 4> buffer;
      auto got = co_await with_timeout(pair.server.read_some(buffer), 10s);
      EXPECT_EQ(got.error(), std::errc::operation_canceled);
      got = co_await with_timeout(read_in_a_task(pair.server, buffer), 10s);
      EXPECT_EQ(got.error(), std::errc::operation_canceled);
    });
    children.spawn([&]() -> task<> {
      std::array<std::byte, 4> buffer;
      const auto got = co_await with_timeout(read_in_a_task(pair.client, buffer), 10s);
      EXPECT_EQ(got.error(), std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
}

GYRE_TEST(timeouts, the_shorter_of_two_nested_timeouts_counts) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto inner_first = [&]() -> task<bool> {
    const auto got = co_await with_timeout(pair.server.read_some(buffer), 1ms);
    co_return got.error() == std::errc::timed_out;
  };
  EXPECT_TRUE((co_await with_timeout(invoke(inner_first), 10s)).value());

  const auto outer_first = [&]() -> task<result<std::size_t>> {
    const auto got = co_await with_timeout(pair.server.read_some(buffer), 10s);
    EXPECT_EQ(got.error(), std::errc::operation_canceled);
    co_return got;
  };
  EXPECT_EQ((co_await with_timeout(invoke(outer_first), 1ms)).error(), std::errc::timed_out);
}

GYRE_TEST(timeouts, a_task_that_has_a_result_all_the_same_delivers_it) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto persistent = [&]() -> task<int> {
    (void)co_await pair.server.read_some(buffer);
    co_return 42;
  };
  const result<int> got = co_await with_timeout(invoke(persistent), 1ms);
  EXPECT_EQ(got.value(), 42);
}

GYRE_TEST(timeouts, an_exception_comes_out_and_leaves_no_timer) {
  const auto failing = []() -> task<> {
    co_await yield();
    throw std::runtime_error("on purpose");
  };
  std::string what;
  try {
    (void)co_await with_timeout(invoke(failing), 10s);
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "on purpose");
  EXPECT_EQ(loop::current().timers_armed(), 0U);
}

GYRE_TEST(timeouts, a_deadline_reaches_everything_below_the_task) {
  tcp_pair pair = co_await connect_pair();
  int stopped = 0;
  const auto fan_out = [&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (tcp_stream* end : {&pair.client, &pair.server})
        children.spawn([&stopped, end]() -> task<> {
          std::array<std::byte, 4> buffer;
          const auto got = co_await end->read_some(buffer);
          stopped += got.error() == std::errc::operation_canceled;
        });
      co_return;
    });
  };
  EXPECT_EQ((co_await with_timeout(invoke(fan_out), 1ms)).error(), std::errc::timed_out);
  EXPECT_EQ(stopped, 2);
}

GYRE_TEST(timeouts, deadlines_that_are_not_reached_leave_nothing) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 1> buffer;
  const auto nothing = []() -> task<> { co_return; };
  for (int i = 0; i < times(100, 2); ++i) {
    for (int j = 0; j < times(1000); ++j) (void)co_await with_timeout(nothing(), 1h);
    (co_await pair.client.write_all(buffer)).value();
    (co_await with_timeout(pair.server.read_exactly(buffer), 1h)).value();
  }
  EXPECT_EQ(loop::current().timers_armed(), 0U);
}

GYRE_TEST(timeouts, a_sleep_is_never_short_and_its_order_is_that_of_the_deadlines) {
  std::vector<steady_time> ended;
  co_await with_scope([&](scope& children) -> task<> {
    for (const int ms : {4, 2, 5, 3, 1})
      children.spawn([&ended, ms]() -> task<> {
        const steady_time deadline = loop::current().now() + std::chrono::milliseconds(ms);
        (co_await sleep_until(deadline)).value();
        EXPECT_GE(loop::current().now(), deadline);
        ended.push_back(deadline);
      });
    co_return;
  });
  EXPECT_EQ(ended.size(), 5U);
  // Where the machine is busy they may begin far from each other.
  for (std::size_t i = 1; i < ended.size(); ++i) EXPECT_LT(ended[i - 1], ended[i] + 500us);
}

GYRE_TEST(timeouts, an_interval_ticks_by_its_beat) {
  const auto start = std::chrono::steady_clock::now();
  interval every(1ms);
  const steady_time first = every.next();
  for (int i = 0; i < 10; ++i) EXPECT_EQ((co_await every.tick()).value(), first + i * 1ms);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 9ms);
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, an_interval) {
  interval every(200us, missed_ticks::skip);
  for (int i = 0; i < 4; ++i)
    if (const auto tick = co_await every.tick(); !tick) break;
}

}  // namespace
}  // namespace gyre::conformance
