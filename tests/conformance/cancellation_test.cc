#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// When a waiting task is asked to stop.
enum class moment {
  before_the_wait,      ///< it has not begun to wait
  before_the_kernel,    ///< it waits, and the loop has not turned since
  while_kernel_has_it,  ///< the loop has turned
};
constexpr std::array every_moment = {moment::before_the_wait, moment::before_the_kernel,
                                     moment::while_kernel_has_it};

/// Runs `wait()`, which would wait for ever, and asks it to stop at each of the moments: it must
/// end with `operation_canceled`.
template <class Wait>
task<> expect_stoppable(Wait wait) {
  for (const moment when : every_moment) {
    bool ended = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto outcome = co_await wait();
        EXPECT_EQ(outcome.error(), std::errc::operation_canceled) << static_cast<int>(when);
        ended = true;
      });
      if (when >= moment::before_the_kernel) co_await yield();
      if (when == moment::while_kernel_has_it) (void)co_await sleep_for(1ms);
      EXPECT_FALSE(ended);
      children.request_stop();
    });
    EXPECT_TRUE(ended);
  }
}

GYRE_TEST(cancellation, a_read_stops) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  const std::array pieces = {iovec{buffer.data(), buffer.size()}};
  co_await expect_stoppable([&] { return pair.server.read_some(buffer); });
  co_await expect_stoppable([&] { return pair.server.read_exactly(buffer); });
  co_await expect_stoppable([&] { return pair.server.read_some(std::span<const iovec>(pieces)); });

  (co_await pair.client.write_all(bytes_of("still good"))).value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 10U);
  EXPECT_EQ(text_of(buffer), "still good");
}

GYRE_TEST(cancellation, a_write_to_a_full_socket_stops) {
  tcp_pair pair = co_await connect_pair();
  fill(pair);
  const std::vector<std::byte> more(1 << 20);
  std::array<iovec, 1> pieces;
  co_await expect_stoppable([&] { return pair.client.write_some(more); });
  co_await expect_stoppable([&] { return pair.client.write_all(more); });
  co_await expect_stoppable([&] {
    pieces = {iovec{const_cast<std::byte*>(more.data()), more.size()}};
    return pair.client.write_all(std::span<iovec>(pieces));
  });
}

GYRE_TEST(cancellation, a_write_that_is_stopped_half_way_says_so) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(8192).value();
  const std::vector<std::byte> much(16 << 20);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto written = co_await pair.client.write_all(much);
      EXPECT_EQ(written.error(), std::errc::operation_canceled);
    });
    std::array<std::byte, 1000> some;
    (co_await pair.server.read_exactly(some)).value();
    children.request_stop();
  });
}

GYRE_TEST(cancellation, a_read_that_is_stopped_half_way_gives_what_came) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  (co_await pair.client.write_all(bytes_of("1234"))).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U); });
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
  EXPECT_EQ(text_of(std::span(buffer).first(4)), "1234");
}

GYRE_TEST(cancellation, an_accept_stops) {
  tcp_listener listener = listen_on_loopback();
  co_await expect_stoppable([&] { return listener.accept(); });
  co_await connect_pair(listener);
}

GYRE_TEST(cancellation, a_connect_that_is_not_answered_stops) {
  // The queue of a listener that has none and accepts none holds one: the next is not answered.
  listen_options options;
  options.backlog = 0;
  auto listener = tcp_listener::bind(endpoint::loopback_v4(0), options).value();
  const endpoint peer = listener.local().value();
  auto first = (co_await tcp_stream::connect(peer)).value();
  co_await expect_stoppable([&] { return tcp_stream::connect(peer); });
}

GYRE_TEST(cancellation, a_poll_and_a_read_of_a_pipe_stop) {
  pipe empty = pipe::create(4096).value();
  std::array<std::byte, 10> buffer;
  co_await expect_stoppable([&] { return op::poll(empty.read_end, POLLIN); });
  co_await expect_stoppable([&] { return op::read(empty.read_end, buffer); });
}

// As a program inherits them, or is sent them.
GYRE_TEST(cancellation, a_read_and_a_write_of_pipes_that_block_stop) {
  pipe empty = pipe::create(4096).value();
  pipe full = pipe::create(4096).value();
  const std::vector<std::byte> much(full.capacity() + 1);
  EXPECT_EQ(::write(full.write_end.number(), much.data(), full.capacity()),
            static_cast<ssize_t>(full.capacity()));
  for (const descriptor* each : {&empty.read_end, &full.write_end})
    EXPECT_EQ(fcntl(each->number(), F_SETFL, 0), 0);
  std::array<std::byte, 10> buffer;
  co_await expect_stoppable([&] { return op::read(empty.read_end, buffer); });
  co_await expect_stoppable([&] { return op::write(full.write_end, much); });
}

GYRE_TEST(cancellation, a_write_to_a_pipe_that_blocks_takes_what_has_room) {
  pipe made = pipe::create(16384).value();
  EXPECT_EQ(fcntl(made.write_end.number(), F_SETFL, 0), 0);
  const std::vector<std::byte> much(made.capacity() + 1);
  const auto written = co_await with_timeout(op::write(made.write_end, much), 10s);
  EXPECT_EQ(written.value(), made.capacity());
}

GYRE_TEST(cancellation, an_operation_that_was_stopped_before_it_began_does_nothing) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  (co_await pair.client.write_all(bytes_of("data"))).value();
  (void)co_await op::poll(pair.server.socket(), POLLIN);
  co_await with_scope([&](scope& children) -> task<> {
    children.request_stop();
    const auto read = co_await pair.server.read_some(buffer);
    EXPECT_EQ(read.error(), std::errc::operation_canceled);
    const auto written = co_await pair.server.write_all(buffer);
    EXPECT_EQ(written.error(), std::errc::operation_canceled);
  });
  EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 4U);
  pair.server.shutdown_write().value();
  EXPECT_EQ((co_await pair.client.read_some(buffer)).value(), 0U);
}

// The byte comes in the turn of the stop: which of them is seen first is the kernel's choice, but
// the byte is either in the result or still in the stream.
GYRE_TEST(cancellation, a_byte_that_comes_with_the_stop_is_not_lost) {
  tcp_pair pair = co_await connect_pair();
  for (int i = 0; i < times(1000); ++i) {
    const std::byte sent = static_cast<std::byte>(i);
    std::byte received{};
    bool arrived = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await pair.server.read_some(std::span(&received, 1));
        arrived = got.has_value();
        require(arrived || got.error() == std::errc::operation_canceled);
      });
      co_await yield();
      if (i % 3 == 0) (void)co_await sleep_for(10us);
      if (i % 2 == 0) children.request_stop();
      EXPECT_EQ(::send(pair.client.socket().number(), &sent, 1, 0), 1);
      children.request_stop();
    });
    if (!arrived) (co_await pair.server.read_exactly(std::span(&received, 1))).value();
    EXPECT_EQ(received, sent);
  }
}

GYRE_TEST(cancellation, what_was_complete_before_the_stop_is_delivered) {
  pipe full = pipe::create(4096).value();
  EXPECT_EQ(::write(full.write_end.number(), "x", 1), 1);
  std::array<std::byte, 10> buffer;
  event ready;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto events = co_await op::poll(full.read_end, POLLIN);
      EXPECT_EQ(events.value(), POLLIN);
      ready.set();
      EXPECT_EQ((co_await op::read(full.read_end, buffer)).value(), 1U);
    });
    (void)co_await ready.wait();
    // The read has begun, and its byte was there before.
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
}

/// Spans of random length, longer after each that was too short: some are over while the operation
/// is on its way, but not all of them for ever.
class random_spans {
 public:
  explicit random_spans(std::uint64_t seed) noexcept : random_(seed) {}

  std::chrono::nanoseconds next() {
    return std::chrono::nanoseconds(random_() % (std::uint64_t{20'000} << std::min(failures_, 10)));
  }
  void failed(bool failed) noexcept { failures_ = failed ? failures_ + 1 : 0; }

 private:
  std::mt19937_64 random_;
  int failures_ = 0;
};

/// Connects again and again, with a reset at the end so that no port stays in TIME_WAIT.
task<> connect_until(const bool& enough, endpoint peer, int& connected) {
  std::mt19937_64 random(6);
  while (!enough) {
    if (random() % 4 == 0) (void)co_await sleep_for(std::chrono::microseconds(random() % 200));
    auto stream = (co_await tcp_stream::connect(peer)).value();
    ++connected;
    stream.reset_on_close().value();
  }
}

GYRE_TEST(cancellation, ten_thousand_accepts_that_are_stopped_anywhere_lose_no_connection) {
  tcp_listener listener = listen_on_loopback();
  random_spans spans(1);
  bool enough = false;
  int connected = 0;
  int accepted = 0;
  int timed_out = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(connect_until(enough, listener.local().value(), connected));
    // Where each of them is handed from thread to thread, fewer must do.
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (accepted + timed_out < times(10'000, 300) && std::chrono::steady_clock::now() < end) {
      const auto stream = co_await with_timeout(listener.accept(), spans.next());
      spans.failed(!stream);
      if (!stream) require(stream.error() == std::errc::timed_out);
      ++(stream ? accepted : timed_out);
    }
    enough = true;
  });
  for (; accepted < connected; ++accepted) (co_await with_timeout(listener.accept(), 10s)).value();
  EXPECT_GT(accepted, 0);
  EXPECT_GT(timed_out, 0);
}

/// Sends the pattern in pieces of random size with random pauses.
task<> send_with_pauses(tcp_stream& stream, std::size_t total) {
  byte_pattern pattern;
  std::mt19937_64 random(3);
  std::vector<std::byte> buffer(2000);
  while (total > 0) {
    const auto piece = std::span(buffer).first(std::min(total, 1 + random() % buffer.size()));
    pattern.fill(piece);
    (co_await stream.write_all(piece)).value();
    total -= piece.size();
    if (random() % 4 == 0) (void)co_await sleep_for(std::chrono::microseconds(random() % 100));
  }
}

GYRE_TEST(cancellation, reads_that_time_out_anywhere_lose_no_byte) {
  tcp_pair pair = co_await connect_pair();
  const std::size_t total = 1024U * times(1024);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(send_with_pauses(pair.client, total));
    byte_pattern pattern;
    std::mt19937_64 random(4);
    random_spans spans(5);
    std::vector<std::byte> buffer(5000);
    for (std::size_t received = 0; received < total;) {
      const auto limit = spans.next();
      const auto piece =
          std::span(buffer).first(std::min(total - received, 1 + random() % buffer.size()));
      result<std::size_t> got = 0;
      if (random() % 2 == 0)
        got = co_await with_timeout(pair.server.read_some(piece), limit);
      else
        got = co_await with_timeout(pair.server.read_exactly(piece), limit);
      spans.failed(!got);
      if (!got) require(got.error() == std::errc::timed_out);
      require(!got || pattern.matches(piece.first(*got)));
      received += got ? *got : 0;
    }
  });
}

}  // namespace
}  // namespace gyre::conformance
