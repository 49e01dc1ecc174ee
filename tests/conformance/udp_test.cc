#include "gyre/net/udp.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/message_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

udp_socket on_loopback() {
  return udp_socket::bind(endpoint::loopback_v4(0)).value();
}

GYRE_TEST(udp, a_datagram_comes_with_its_sender) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  EXPECT_EQ((co_await here.send_to(bytes_of("hello"), there.local().value())).value(), 5U);
  std::array<std::byte, 16> buffer{};
  const received_datagram got = (co_await there.receive_from(buffer)).value();
  EXPECT_EQ(text_of(std::span(buffer).first(got.size)), "hello");
  EXPECT_EQ(got.length, 5U);
  EXPECT_FALSE(got.truncated());
  EXPECT_EQ(got.segment, 0U);
  EXPECT_EQ(got.from, here.local().value());
}

GYRE_TEST(udp, it_works_over_v6) {
  udp_socket here = udp_socket::bind(endpoint::loopback_v6(0)).value();
  udp_socket there = udp_socket::bind(endpoint::loopback_v6(0)).value();
  (co_await here.send_to(bytes_of("six"), there.local().value())).value();
  std::array<std::byte, 16> buffer{};
  const received_datagram got = (co_await there.receive_from(buffer)).value();
  EXPECT_EQ(got.size, 3U);
  EXPECT_EQ(got.from, here.local().value());
}

GYRE_TEST(udp, what_the_buffer_can_not_hold_is_reported) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  (co_await here.send_to(bytes_of("too long"), there.local().value())).value();
  (co_await here.send_to(bytes_of("next"), there.local().value())).value();
  std::array<std::byte, 4> buffer{};
  const received_datagram cut = (co_await there.receive_from(buffer)).value();
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.size, 4U);
  EXPECT_EQ(cut.length, 8U);
  const received_datagram next = (co_await there.receive_from(buffer)).value();
  EXPECT_FALSE(next.truncated());
  EXPECT_EQ(text_of(buffer), "next");
}

GYRE_TEST(udp, an_empty_datagram_is_one) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  EXPECT_EQ((co_await here.send_to(std::span<const std::byte>(), there.local().value())).value(),
            0U);
  std::array<std::byte, 4> buffer{};
  const received_datagram got = (co_await there.receive_from(buffer)).value();
  EXPECT_EQ(got.length, 0U);
  EXPECT_EQ(got.from, here.local().value());
}

GYRE_TEST(udp, a_receive_waits_for_a_datagram) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 8> buffer{};
      EXPECT_EQ((co_await there.receive_from(buffer)).value().size, 4U);
    });
    co_await yield();
    (co_await here.send_to(bytes_of("late"), there.local().value())).value();
  });
}

GYRE_TEST(udp, a_connected_socket_hears_its_peer_only) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  udp_socket stranger = on_loopback();
  EXPECT_EQ((co_await here.send(bytes_of("x"))).error(), std::errc::destination_address_required);
  EXPECT_EQ(here.peer().error(), std::errc::not_connected);
  here.connect(there.local().value()).value();
  there.connect(here.local().value()).value();
  EXPECT_EQ(here.peer().value(), there.local().value());
  (co_await stranger.send_to(bytes_of("no"), there.local().value())).value();
  (co_await here.send(bytes_of("yes"))).value();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await there.receive_from(buffer)).value().size, 3U);
}

GYRE_TEST(udp, nobody_at_the_port_is_an_error_of_that_datagram) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  here.connect(there.local().value()).value();
  (co_await there.close()).value();
  (co_await here.send(bytes_of("anybody?"))).value();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await here.receive_from(buffer)).error(), std::errc::connection_refused);
  EXPECT_TRUE((co_await here.send(bytes_of("still?"))).has_value());
}

GYRE_TEST(udp, a_datagram_that_is_too_large_is_not_sent) {
  udp_socket here = on_loopback();
  const std::vector<std::byte> large(65508);
  EXPECT_EQ((co_await here.send_to(large, here.local().value())).error(), std::errc::message_size);
}

GYRE_TEST(udp, one_call_sends_several_datagrams) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  here.can_segment().value();
  const std::string text = "aaaabbbbcc";
  EXPECT_EQ((co_await here.send_segments_to(bytes_of(text), 4, there.local().value())).value(),
            10U);
  std::array<std::byte, 16> buffer{};
  for (const std::string_view expected : {"aaaa", "bbbb", "cc"}) {
    const received_datagram got = (co_await there.receive_from(buffer)).value();
    EXPECT_EQ(text_of(std::span(buffer).first(got.size)), expected);
  }
}

GYRE_TEST(udp, several_datagrams_are_received_as_one) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  there.set_receive_offload(true).value();
  here.connect(there.local().value()).value();
  (co_await here.send_segments(bytes_of("aaaabbbbcc"), 4)).value();
  std::array<std::byte, 16> buffer{};
  const received_datagram got = (co_await there.receive_from(buffer)).value();
  EXPECT_EQ(text_of(std::span(buffer).first(got.size)), "aaaabbbbcc");
  EXPECT_EQ(got.segment, 4U);
}

/// Entries for `parts`, which are only read.
template <std::size_t N>
std::array<iovec, N> entries_of(const std::array<std::string_view, N>& parts) {
  std::array<iovec, N> entries;
  for (std::size_t i = 0; i < N; ++i)
    entries[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
  return entries;
}

GYRE_TEST(udp, several_buffers_are_one_datagram) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  const auto data = entries_of(std::array<std::string_view, 3>{"one ", "", "datagram"});
  EXPECT_EQ((co_await here.send_to(data, there.local().value())).value(), 12U);
  std::string first(5, ' ');
  std::string second(20, ' ');
  const std::array<iovec, 2> buffers = {{{first.data(), 5}, {second.data(), 20}}};
  const received_datagram got = (co_await there.receive_from(buffers)).value();
  EXPECT_EQ(got.size, 12U);
  EXPECT_EQ(got.length, 12U);
  EXPECT_EQ(got.from, here.local().value());
  EXPECT_EQ(first + second.substr(0, 7), "one datagram");
}

GYRE_TEST(udp, what_several_buffers_can_not_hold_is_reported) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  here.connect(there.local().value()).value();
  (co_await here.send(entries_of(std::array<std::string_view, 2>{"too ", "long"}))).value();
  (co_await here.send(bytes_of("next"))).value();
  std::string first(2, ' ');
  std::string second(3, ' ');
  const std::array<iovec, 2> buffers = {{{first.data(), 2}, {second.data(), 3}}};
  const received_datagram cut = (co_await there.receive_from(buffers)).value();
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.size, 5U);
  EXPECT_EQ(cut.length, 8U);
  EXPECT_EQ(first + second, "too l");
  EXPECT_EQ((co_await there.receive_from(buffers)).value().size, 4U);
}

GYRE_TEST(udp, segments_need_not_end_where_buffers_do) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  const auto data = entries_of(std::array<std::string_view, 3>{"aa", "aabbbb", "cc"});
  EXPECT_EQ((co_await here.send_segments_to(data, 4, there.local().value())).value(), 10U);
  here.connect(there.local().value()).value();
  EXPECT_EQ((co_await here.send_segments(data, 5)).value(), 10U);
  std::array<std::byte, 16> buffer{};
  for (const std::string_view expected : {"aaaa", "bbbb", "cc", "aaaab", "bbbcc"}) {
    const received_datagram got = (co_await there.receive_from(buffer)).value();
    EXPECT_EQ(text_of(std::span(buffer).first(got.size)), expected);
  }
}

GYRE_TEST(udp, too_many_buffers_are_refused) {
  udp_socket here = on_loopback();
  const std::vector<iovec> many(IOV_MAX + 1);
  EXPECT_EQ((co_await here.send_to(many, here.local().value())).error(), std::errc::message_size);
  EXPECT_EQ((co_await here.receive_from(many)).error(), std::errc::message_size);
}

GYRE_TEST(udp, a_stopped_receive_loses_no_datagram) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await with_timeout(there.receive_from(buffer), 1ms)).error(), std::errc::timed_out);
  (co_await here.send_to(bytes_of("kept"), there.local().value())).value();
  EXPECT_EQ((co_await there.receive_from(buffer)).value().size, 4U);
}

GYRE_TEST(udp, closing_ends_a_receive) {
  udp_socket here = on_loopback();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 8> buffer{};
      EXPECT_EQ((co_await here.receive_from(buffer)).error(), std::errc::operation_canceled);
    });
    co_await yield();
    (co_await here.close()).value();
  });
}

GYRE_TEST(udp, a_port_in_use_is_an_error_unless_shared) {
  udp_socket here = on_loopback();
  EXPECT_EQ(udp_socket::bind(here.local().value()).error(), std::errc::address_in_use);
  udp_options shared;
  shared.reuse_port = true;
  udp_socket first = udp_socket::bind(endpoint::loopback_v4(0), shared).value();
  EXPECT_TRUE(udp_socket::bind(first.local().value(), shared).has_value());
  co_return;
}

GYRE_TEST(udp, a_wait_for_errors_keeps_nobody_from_reading) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 8> buffer{};
      const auto error = co_await op::receive_message(here.socket(), buffer, {}, MSG_ERRQUEUE);
      EXPECT_EQ(error.error(), std::errc::operation_canceled);
    });
    co_await yield();
    (co_await there.send_to(bytes_of("data"), here.local().value())).value();
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ((co_await with_timeout(op::recv(here.socket(), buffer), 10s)).value(), 4U);
    children.request_stop();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(udp, a_stop_leaves_nothing) {
  udp_socket here = on_loopback();
  udp_socket there = on_loopback();
  std::array<std::byte, 8> buffer{};
  (void)co_await here.send_to(bytes_of("one"), there.local().value());
  (void)co_await with_timeout(there.receive_from(buffer), 1ms);
  (void)co_await with_timeout(there.receive_from(buffer), 1ms);
}

}  // namespace
}  // namespace gyre::conformance
