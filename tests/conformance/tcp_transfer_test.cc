#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

iovec piece_of(std::span<std::byte> bytes) {
  return {bytes.data(), bytes.size()};
}

/// Sends `total` bytes of the pattern in pieces of random size.
task<> send_pattern(tcp_stream& stream, std::size_t total, std::size_t piece_max) {
  byte_pattern pattern;
  std::mt19937_64 random(1);
  std::vector<std::byte> buffer(piece_max);
  while (total > 0) {
    const auto size = std::min<std::size_t>(total, 1 + random() % piece_max);
    const auto piece = std::span(buffer).first(size);
    pattern.fill(piece);
    (co_await stream.write_all(piece)).value();
    total -= size;
  }
  stream.shutdown_write().value();
}

/// Reads in pieces of random size until the end; the number of bytes, all of which must match.
task<std::size_t> receive_pattern(tcp_stream& stream, std::size_t piece_max) {
  byte_pattern pattern;
  std::mt19937_64 random(2);
  std::vector<std::byte> buffer(piece_max);
  std::size_t total = 0;
  while (true) {
    const auto piece = std::span(buffer).first(1 + random() % piece_max);
    const std::size_t got = (co_await stream.read_some(piece)).value();
    if (got == 0) co_return total;
    require(pattern.matches(piece.first(got)));
    total += got;
  }
}

GYRE_TEST(tcp_transfer, a_message_goes_both_ways) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 100> buffer;

  (co_await pair.client.write_all(bytes_of("ping"))).value();
  std::size_t got = (co_await pair.server.read_some(buffer)).value();
  EXPECT_EQ(text_of(std::span(buffer).first(got)), "ping");

  (co_await pair.server.write_all(bytes_of("pong!"))).value();
  got = (co_await pair.client.read_some(buffer)).value();
  EXPECT_EQ(text_of(std::span(buffer).first(got)), "pong!");
}

GYRE_TEST(tcp_transfer, what_was_sent_before_the_accept_is_there) {
  tcp_listener listener = listen_on_loopback();
  auto client = (co_await tcp_stream::connect(listener.local().value())).value();
  (co_await client.write_all(bytes_of("early"))).value();
  auto server = (co_await listener.accept()).value();
  std::array<std::byte, 5> buffer;
  EXPECT_EQ((co_await server.read_exactly(buffer)).value(), 5U);
  EXPECT_EQ(text_of(buffer), "early");
}

GYRE_TEST(tcp_transfer, an_accept_waits_for_a_connection) {
  tcp_listener listener = listen_on_loopback();
  bool accepted = false;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      auto server = (co_await listener.accept()).value();
      accepted = true;
      EXPECT_TRUE(server.peer().has_value());
    });
    co_await yield();
    EXPECT_FALSE(accepted);
    (co_await tcp_stream::connect(listener.local().value())).value();
  });
  EXPECT_TRUE(accepted);
}

GYRE_TEST(tcp_transfer, read_some_gives_what_is_there) {
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of("hello"))).value();
  std::array<std::byte, 3> small;
  std::array<std::byte, 3000> large;
  EXPECT_EQ((co_await pair.server.read_some(small)).value(), 3U);
  EXPECT_EQ((co_await pair.server.read_some(large)).value(), 2U);
}

GYRE_TEST(tcp_transfer, read_exactly_waits_for_the_whole) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 10U);
      EXPECT_EQ(text_of(buffer), "0123456789");
    });
    for (const std::string_view part : {"0", "123", "456", "78", "9"}) {
      (co_await pair.client.write_all(bytes_of(part))).value();
      (void)co_await sleep_for(1ms);
    }
  });
}

// What the kernel goes on with by itself it gives to a worker after so many pieces, see
// docs/quirks.md.
GYRE_TEST(tcp_transfer, a_read_of_many_pieces_takes_no_kernel_worker) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 300> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), buffer.size());
    });
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      (co_await pair.client.write_all(bytes_of("."))).value();
      co_await yield();
    }
  });
}

GYRE_TEST(tcp_transfer, read_exactly_is_short_at_the_end_of_the_stream) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  (co_await pair.client.write_all(bytes_of("abc"))).value();
  pair.client.shutdown_write().value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 3U);
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 0U);
}

GYRE_TEST(tcp_transfer, the_end_of_the_stream_stays) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  pair.client.shutdown_write().value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 0U);
}

GYRE_TEST(tcp_transfer, a_transfer_of_nothing_waits_for_nothing) {
  tcp_pair pair = co_await connect_pair();
  std::span<std::byte> none;
  std::span<iovec> no_pieces;
  EXPECT_EQ((co_await with_timeout(pair.server.read_exactly(none), 10s)).value(), 0U);
  EXPECT_TRUE((co_await with_timeout(pair.server.write_all(none), 10s)).has_value());
  EXPECT_TRUE((co_await with_timeout(pair.server.write_all(no_pieces), 10s)).has_value());
}

GYRE_TEST(tcp_transfer, a_read_into_pieces_fills_them_in_turn) {
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of("headbody"))).value();
  std::array<std::byte, 4> head;
  std::array<std::byte, 100> body;
  const std::array pieces = {piece_of(head), piece_of({}), piece_of(body)};
  EXPECT_EQ((co_await pair.server.read_some(std::span<const iovec>(pieces))).value(), 8U);
  EXPECT_EQ(text_of(head), "head");
  EXPECT_EQ(text_of(std::span(body).first(4)), "body");
}

GYRE_TEST(tcp_transfer, a_write_of_pieces_arrives_as_one) {
  tcp_pair pair = co_await connect_pair();
  std::string head = "head";
  std::string body = "body";
  std::array pieces = {piece_of({}), piece_of(std::as_writable_bytes(std::span(head))),
                       piece_of({}), piece_of(std::as_writable_bytes(std::span(body))),
                       piece_of({})};
  (co_await pair.client.write_all(std::span<iovec>(pieces))).value();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 8U);
  EXPECT_EQ(text_of(buffer), "headbody");
}

GYRE_TEST(tcp_transfer, a_write_of_more_pieces_than_a_call_takes_is_whole) {
  tcp_pair pair = co_await connect_pair();
  constexpr std::size_t count = 3000;  // UIO_MAXIOV is 1024
  std::vector<std::byte> sent(count);
  byte_pattern(7).fill(sent);
  std::vector<iovec> pieces;
  for (std::byte& each : sent) pieces.push_back(piece_of(std::span(&each, 1)));
  (co_await pair.client.write_all(std::span(pieces))).value();
  std::vector<std::byte> received(count);
  EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), count);
  EXPECT_TRUE(byte_pattern(7).matches(received));
}

GYRE_TEST(tcp_transfer, a_read_into_more_pieces_than_a_call_takes_gives_some) {
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of("some"))).value();
  std::vector<std::byte> received(3000);
  std::vector<iovec> pieces;
  for (std::byte& each : received) pieces.push_back(piece_of(std::span(&each, 1)));
  EXPECT_EQ((co_await pair.server.read_some(std::span<const iovec>(pieces))).value(), 4U);
  EXPECT_EQ(text_of(std::span(received).first(4)), "some");
}

GYRE_TEST(tcp_transfer, a_mebibyte_through_small_buffers_arrives_whole) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(8192).value();
  pair.server.set_receive_buffer(100'000).value();
  const std::size_t total = 4096U * times(256, 64);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(send_pattern(pair.client, total, 300'000));
    EXPECT_EQ(co_await receive_pattern(pair.server, 10'000), total);
  });
}

GYRE_TEST(tcp_transfer, both_directions_are_busy_at_once) {
  tcp_pair pair = co_await connect_pair();
  const std::size_t total = 1024U * times(1024, 128);
  co_await with_scope([&](scope& children) -> task<> {
    for (tcp_stream* end : {&pair.client, &pair.server}) {
      children.spawn(send_pattern(*end, total, 50'000));
      children.spawn(
          [end, total]() -> task<> { EXPECT_EQ(co_await receive_pattern(*end, 50'000), total); });
    }
    co_return;
  });
}

GYRE_TEST(tcp_transfer, pieces_go_on_where_a_full_buffer_cut_them) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(4096).value();
  std::vector<std::byte> sent(times(1 << 20, 1 << 16));
  byte_pattern().fill(sent);
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < sent.size(); at += 9973)
    pieces.push_back(
        piece_of(std::span(sent).subspan(at).first(std::min<std::size_t>(9973, sent.size() - at))));
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (co_await pair.client.write_all(std::span(pieces))).value();
      pair.client.shutdown_write().value();
    });
    EXPECT_EQ(co_await receive_pattern(pair.server, 3000), sent.size());
  });
}

GYRE_TEST(tcp_transfer, write_some_takes_what_fits) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(8192).value();
  const std::vector<std::byte> much(16 << 20);
  const std::size_t taken = (co_await pair.client.write_some(much)).value();
  EXPECT_GT(taken, 0U);
  EXPECT_LT(taken, much.size());
  std::vector<std::byte> received(taken);
  EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), taken);
}

GYRE_TEST(tcp_transfer, a_half_closed_stream_still_takes_the_answer) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 100> buffer;
  for (auto [from, to] : {std::pair(&pair.client, &pair.server)}) {
    (co_await from->write_all(bytes_of("question"))).value();
    from->shutdown_write().value();
    EXPECT_EQ((co_await to->read_exactly(buffer)).value(), 8U);
    (co_await to->write_all(bytes_of("answer"))).value();
    to->shutdown_write().value();
    EXPECT_EQ((co_await from->read_exactly(buffer)).value(), 6U);
    EXPECT_EQ((co_await from->read_some(buffer)).value(), 0U);
  }
}

GYRE_TEST(tcp_transfer, a_shutdown_ends_a_read_that_waits) {
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 10> buffer;
      EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 0U);
    });
    (void)co_await sleep_for(1ms);
    pair.server.shutdown().value();
  });
}

GYRE_TEST(tcp_transfer, reading_can_be_ended_and_gives_what_has_arrived_before) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { EXPECT_EQ((co_await pair.client.read_some(buffer)).value(), 0U); });
    (void)co_await sleep_for(1ms);
    pair.client.shutdown_read().value();
  });
  (co_await pair.client.write_all(bytes_of("early"))).value();
  std::array<std::byte, 1> first;
  EXPECT_EQ((co_await pair.server.read_exactly(first)).value(), 1U);
  pair.server.shutdown_read().value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
  EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 0U);
}

GYRE_TEST(tcp_transfer, a_stream_can_be_moved_between_operations) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 2> buffer;
  (co_await pair.client.write_all(bytes_of("abcd"))).value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 2U);
  tcp_stream moved = std::move(pair.server);
  EXPECT_EQ((co_await moved.read_exactly(buffer)).value(), 2U);
  EXPECT_EQ(text_of(buffer), "cd");
}

}  // namespace
}  // namespace gyre::conformance
