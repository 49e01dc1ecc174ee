#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <system_error>
#include <vector>

#include "gyre/io/pipe.h"
#include "gyre/io/splice_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Closes `stream` with a reset instead of an end.
task<> reset(tcp_stream& stream) {
  stream.reset_on_close().value();
  (co_await stream.close()).value();
}

bool of_dead_peer(std::error_code error) {
  return error == std::errc::broken_pipe || error == std::errc::connection_reset;
}

GYRE_TEST(tcp_failure, a_connection_that_nobody_takes_is_refused) {
  endpoint nobody;
  {
    tcp_listener listener = listen_on_loopback();
    nobody = listener.local().value();
  }
  for (int i = 0; i < 100; ++i) {
    const auto refused = co_await tcp_stream::connect(nobody);
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
  }
}

GYRE_TEST(tcp_failure, a_port_that_is_taken_is_in_use) {
  tcp_listener listener = listen_on_loopback();
  const auto second = tcp_listener::bind(listener.local().value());
  EXPECT_EQ(second.error(), std::errc::address_in_use);
  co_return;
}

GYRE_TEST(tcp_failure, an_address_of_another_machine_is_not_available) {
  const auto listener = tcp_listener::bind(endpoint::parse("192.0.2.1:0").value());
  EXPECT_EQ(listener.error(), std::errc::address_not_available);
  co_return;
}

GYRE_TEST(tcp_failure, a_reset_by_the_peer_ends_a_read_that_waits) {
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 10> buffer;
      const auto got = co_await pair.server.read_some(buffer);
      EXPECT_EQ(got.error(), std::errc::connection_reset);
    });
    (void)co_await sleep_for(1ms);
    co_await reset(pair.client);
  });
}

GYRE_TEST(tcp_failure, a_reset_before_the_read_is_seen_by_it) {
  tcp_pair pair = co_await connect_pair();
  co_await reset(pair.client);
  std::array<std::byte, 10> buffer;
  const auto got = co_await pair.server.read_exactly(buffer);
  EXPECT_EQ(got.error(), std::errc::connection_reset);
}

GYRE_TEST(tcp_failure, a_reset_in_the_middle_of_read_exactly_gives_what_came_and_then_the_end) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
      EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 0U);
    });
    (co_await pair.client.write_all(bytes_of("part"))).value();
    (void)co_await sleep_for(1ms);
    co_await reset(pair.client);
  });
}

GYRE_TEST(tcp_failure, a_reset_in_the_middle_of_a_write_ends_it) {
  tcp_pair pair = co_await connect_pair();
  const std::vector<std::byte> much(64 << 20);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto written = co_await pair.server.write_all(much);
      EXPECT_TRUE(of_dead_peer(written.error())) << written.error();
    });
    (void)co_await sleep_for(1ms);
    co_await reset(pair.client);
  });
}

/// Writes with `write()` until that fails; gives the error. SIGPIPE has its usual effect here.
template <class Write>
task<std::error_code> write_until_it_fails(Write write) {
  while (true)
    if (const auto written = co_await write(); !written) co_return written.error();
}

GYRE_TEST(tcp_failure, writing_to_a_dead_peer_is_an_error_and_no_signal) {
  const std::vector<std::byte> much(100'000);
  for (int kind = 0; kind < 3; ++kind) {
    tcp_pair pair = co_await connect_pair();
    co_await reset(pair.client);
    std::array<iovec, 1> pieces;
    const auto in_pieces = [&] {
      pieces = {iovec{const_cast<std::byte*>(much.data()), much.size()}};
      return pair.server.write_all(std::span<iovec>(pieces));
    };
    std::error_code error;
    if (kind == 0)
      error = co_await write_until_it_fails([&] { return pair.server.write_some(much); });
    else if (kind == 1)
      error = co_await write_until_it_fails([&] { return pair.server.write_all(much); });
    else
      error = co_await write_until_it_fails(in_pieces);
    EXPECT_TRUE(of_dead_peer(error)) << error;
    error = (co_await pair.server.write_all(much)).error();
    EXPECT_EQ(error, std::errc::broken_pipe);
  }
}

GYRE_TEST(tcp_failure, splicing_to_a_dead_peer_is_an_error_and_no_signal) {
  tcp_pair pair = co_await connect_pair();
  pair.server.allow_splice().value();
  co_await reset(pair.client);
  pipe between = pipe::create(65536).value();
  const auto splice_some = [&] {
    if (::write(between.write_end.number(), "x", 1) != 1) ADD_FAILURE();
    return op::splice_to_socket(between.read_end, pair.server.socket(), 1, false);
  };
  for (int i = 0; i < 3; ++i) {
    const auto error = co_await write_until_it_fails(splice_some);
    EXPECT_TRUE(of_dead_peer(error)) << error;
  }
}

GYRE_TEST(tcp_failure, writing_after_the_end_was_sent_is_a_broken_pipe) {
  tcp_pair pair = co_await connect_pair();
  pair.client.shutdown_write().value();
  const auto written = co_await pair.client.write_all(bytes_of("more"));
  EXPECT_EQ(written.error(), std::errc::broken_pipe);
}

GYRE_TEST(tcp_failure, a_socket_that_is_not_connected_cannot_read) {
  tcp_listener listener = listen_on_loopback();
  std::array<std::byte, 10> buffer;
  const auto got = co_await op::recv(listener.socket(), buffer);
  EXPECT_EQ(got.error(), std::errc::not_connected);
}

GYRE_TEST(tcp_failure, a_stream_cannot_accept) {
  tcp_pair pair = co_await connect_pair();
  const auto accepted = co_await op::accept(pair.client.socket());
  EXPECT_EQ(accepted.error(), std::errc::invalid_argument);
}

GYRE_TEST(tcp_failure, what_was_closed_is_a_bad_descriptor) {
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.close()).value();
  std::array<std::byte, 10> buffer;
  EXPECT_EQ((co_await pair.client.read_some(buffer)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await pair.client.read_exactly(buffer)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await pair.client.write_all(buffer)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await pair.client.close()).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ(pair.client.peer().error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(tcp_failure, a_peer_that_resets_a_thousand_times_leaves_the_listener_good) {
  tcp_listener listener = listen_on_loopback();
  std::array<std::byte, 10> buffer;
  for (int i = 0; i < times(1000); ++i) {
    tcp_pair pair = co_await connect_pair(listener);
    co_await reset(pair.client);
    const auto got = co_await pair.server.read_some(buffer);
    EXPECT_EQ(got.error(), std::errc::connection_reset);
  }
}

}  // namespace
}  // namespace gyre::conformance
