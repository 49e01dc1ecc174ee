#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A loop of the backend under test on a thread of its own, which runs one task to its end.
class other_loop {
 public:
  explicit other_loop(std::function<task<>()> body)
      : thread_([body = std::move(body)] {
          loop home(make_backend_under_test());
          run_on(home, body());
        }) {}
  other_loop(const other_loop&) = delete;
  other_loop& operator=(const other_loop&) = delete;
  ~other_loop() { thread_.join(); }

 private:
  std::thread thread_;
};

/// Closes a channel when this side is done with it, however that comes about, so that the other
/// one does not wait for more.
class closing_at_end {
 public:
  explicit closing_at_end(cross_channel<std::uint64_t>& channel) noexcept : channel_(channel) {}
  closing_at_end(const closing_at_end&) = delete;
  closing_at_end& operator=(const closing_at_end&) = delete;
  ~closing_at_end() { channel_.close(); }

 private:
  cross_channel<std::uint64_t>& channel_;
};

/// Sends back what comes, each time one more, until nothing comes or is taken.
task<> echo(cross_channel<std::uint64_t>& from, cross_channel<std::uint64_t>& to) {
  while (const auto got = co_await from.receive()) {
    const auto sent = co_await to.send(*got + 1);
    if (!sent) break;
  }
}

// With each capacity, so that one side waits, the other, or both.
GYRE_TEST(between_loops, values_go_there_and_back) {
  for (const std::size_t capacity : {0U, 1U, 16U}) {
    cross_channel<std::uint64_t> there(capacity);
    cross_channel<std::uint64_t> back(capacity);
    const other_loop other([&] { return echo(there, back); });
    const closing_at_end of_there(there);
    const closing_at_end of_back(back);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      (co_await there.send(i)).value();
      EXPECT_EQ((co_await back.receive()).value(), i + 1);
    }
  }
}

task<> send_all(cross_channel<std::uint64_t>& to, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto sent = co_await to.send(i);
    if (!sent) break;
  }
  to.close();
}

GYRE_TEST(between_loops, values_come_in_order_and_none_is_lost) {
  constexpr std::uint64_t count = 10'000;
  cross_channel<std::uint64_t> numbers(8);
  const other_loop other([&] { return send_all(numbers, count); });
  const closing_at_end no_more(numbers);
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ((co_await numbers.receive()).value(), i);
  EXPECT_EQ((co_await numbers.receive()).error(), std::errc::broken_pipe);
}

// A value that was handed over is not lost by the stop that comes at the same time.
GYRE_TEST(between_loops, a_stopped_receiver_loses_nothing) {
  constexpr std::uint64_t count = 500;
  cross_channel<std::uint64_t> numbers(0);
  const other_loop other([&] { return send_all(numbers, count); });
  const closing_at_end no_more(numbers);
  std::uint64_t next = 0;
  while (true) {
    const auto got = co_await with_timeout(numbers.receive(), 1us);
    if (got)
      EXPECT_EQ(*got, next++);
    else if (got.error() != std::errc::timed_out)
      break;
  }
  EXPECT_EQ(next, count);
}

}  // namespace
}  // namespace gyre::conformance
