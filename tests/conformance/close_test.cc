#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <set>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A read that is to be ended by a close.
task<> read_until_closed(tcp_stream& stream, int& ended) {
  std::array<std::byte, 10> buffer;
  const auto got = co_await stream.read_some(buffer);
  EXPECT_EQ(got.error(), std::errc::operation_canceled);
  ++ended;
}

GYRE_TEST(close, a_close_ends_what_waits) {
  for (const bool kernel_has_it : {false, true}) {
    tcp_pair pair = co_await connect_pair();
    int ended = 0;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(read_until_closed(pair.server, ended));
      co_await yield();
      if (kernel_has_it) (void)co_await sleep_for(1ms);
      (co_await pair.server.close()).value();
      EXPECT_FALSE(pair.server.socket().is_open());
    });
    EXPECT_EQ(ended, 1);
  }
}

GYRE_TEST(close, a_close_ends_an_accept_that_waits) {
  tcp_listener listener = listen_on_loopback();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto stream = co_await listener.accept();
      EXPECT_EQ(stream.error(), std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    (co_await listener.close()).value();
  });
}

GYRE_TEST(close, a_close_ends_all_that_wait_and_nothing_else) {
  pipe first = pipe::create(4096).value();
  pipe second = pipe::create(4096).value();
  int ended = 0;
  int others = 0;
  const auto poll_until = [](descriptor& end, std::errc expected, int& count) -> task<> {
    const auto events = co_await op::poll(end, POLLIN);
    EXPECT_EQ(events.error(), expected);
    ++count;
  };
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 100; ++i) {
      children.spawn(poll_until(first.read_end, std::errc::operation_canceled, ended));
      children.spawn(poll_until(second.read_end, std::errc(), others));
    }
    (void)co_await sleep_for(1ms);
    (co_await first.read_end.close()).value();
    co_await yield();
    EXPECT_EQ(ended, 100);
    EXPECT_EQ(others, 0);
    EXPECT_EQ(::write(second.write_end.number(), "x", 1), 1);
  });
  EXPECT_EQ(others, 100);
}

GYRE_TEST(close, a_close_that_is_stopped_closes_all_the_same) {
  tcp_pair pair = co_await connect_pair();
  int ended = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(read_until_closed(pair.server, ended));
    children.spawn([&]() -> task<> { (co_await pair.server.close()).value(); });
    co_await yield();
    children.request_stop();
  });
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(pair.server.socket().is_open());
}

GYRE_TEST(close, what_begins_during_a_close_finds_it_closed) {
  tcp_pair pair = co_await connect_pair();
  int ended = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(read_until_closed(pair.server, ended));
    co_await yield();
    children.spawn([&]() -> task<> { (co_await pair.server.close()).value(); });
    children.spawn([&]() -> task<> {
      std::array<std::byte, 10> buffer;
      const auto got = co_await pair.server.read_some(buffer);
      EXPECT_EQ(got.error(), std::errc::bad_file_descriptor);
    });
    children.spawn([&]() -> task<> {
      const auto closed = co_await pair.server.close();
      EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    });
  });
  EXPECT_EQ(ended, 1);
}

GYRE_TEST(close, what_is_closed_cannot_be_polled) {
  pipe made = pipe::create(4096).value();
  (co_await made.read_end.close()).value();
  for (const short events : {short{POLLIN}, short{0}}) {
    const auto ready = co_await op::poll(made.read_end, events);
    EXPECT_EQ(ready.error(), std::errc::bad_file_descriptor);
  }
}

GYRE_TEST(close, the_peer_of_a_closed_stream_finds_its_end) {
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of("bye"))).value();
  (co_await pair.client.close()).value();
  std::array<std::byte, 10> buffer;
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 3U);
  EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 0U);
}

// A number is free at once for the next socket: nothing that waited for the old one may answer to
// what arrives at the new one.
GYRE_TEST(close, a_number_that_is_used_again_has_no_past) {
  tcp_listener listener = listen_on_loopback();
  std::set<int> numbers;
  for (int i = 0; i < times(1000); ++i) {
    tcp_pair pair = co_await connect_pair(listener);
    pair.client.reset_on_close().value();
    numbers.insert(pair.server.socket().number());
    int ended = 0;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(read_until_closed(pair.server, ended));
      co_await yield();
      if (i % 2 == 0) (void)co_await with_timeout(op::poll(pair.client.socket(), POLLIN), 10us);
      (co_await pair.server.close()).value();
    });
    require(ended == 1);
    tcp_pair next = co_await connect_pair(listener);
    std::array<std::byte, 4> buffer;
    (co_await next.client.write_all(bytes_of("mine"))).value();
    require((co_await with_timeout(next.server.read_exactly(buffer), 10s)).value() == 4);
    next.client.reset_on_close().value();
  }
  EXPECT_LT(numbers.size(), 10U);
}

GYRE_TEST(close, a_released_number_is_not_closed) {
  pipe made = pipe::create(4096).value();
  const int number = made.write_end.release();
  EXPECT_FALSE(made.write_end.is_open());
  EXPECT_EQ(::write(number, "x", 1), 1);
  descriptor again(number);
  std::array<std::byte, 1> buffer;
  EXPECT_EQ((co_await op::read(made.read_end, buffer)).value(), 1U);
}

GYRE_TEST(close, assignment_closes_what_was_there) {
  pipe made = pipe::create(4096).value();
  made.write_end = descriptor();
  std::array<std::byte, 1> buffer;
  EXPECT_EQ((co_await op::read(made.read_end, buffer)).value(), 0U);
}

/// Spawns a read on the server's end of `pair`, and lets it begin.
task<> leave_a_read(scope& children, std::optional<tcp_pair>& pair, std::span<std::byte> buffer) {
  children.spawn([&pair, buffer]() -> task<> { (void)co_await pair->server.read_some(buffer); });
  co_await yield();
}

GYRE_TEST_THAT_DIES(close, destroying_a_stream_that_is_read, "destroyed while an operation") {
  std::optional<tcp_pair> pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    co_await leave_a_read(children, pair, buffer);
    pair.reset();
  });
}

GYRE_TEST_THAT_DIES(close, moving_a_stream_that_is_read, "moved while an operation") {
  std::optional<tcp_pair> pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    co_await leave_a_read(children, pair, buffer);
    const tcp_stream moved = std::move(pair->server);
  });
}

GYRE_TEST_THAT_DIES(close, assigning_to_a_stream_that_is_read, "destroyed while an operation") {
  std::optional<tcp_pair> pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    co_await leave_a_read(children, pair, buffer);
    pair->server = tcp_stream(descriptor());
  });
}

GYRE_TEST(close, a_reader_that_tries_again_during_a_close_finds_it_closed) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 65536> chunk{};
  while (co_await with_timeout(pair.server.write_some(chunk), 1ms)) continue;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 10> buffer;
      EXPECT_EQ((co_await pair.server.read_some(buffer)).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await pair.server.read_some(buffer)).error(), std::errc::bad_file_descriptor);
    });
    children.spawn([&]() -> task<> {  // what the kernel still moves makes room at times
      const auto wrote = co_await pair.server.write_some(chunk);
      EXPECT_TRUE(wrote || wrote.error() == std::errc::operation_canceled);
    });
    co_await yield();
    (co_await pair.server.close()).value();
  });
}

}  // namespace
}  // namespace gyre::conformance
