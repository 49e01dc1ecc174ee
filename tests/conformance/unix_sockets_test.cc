#include "gyre/net/unix.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/io/socket_ops.h"
#include "gyre/io/socket_setup_ops.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A new directory whose path is short enough for a socket's, wherever it is.
class socket_directory {
 public:
  socket_directory() : opened_(open(directory_.path().c_str(), O_PATH | O_CLOEXEC)) {
    require(opened_.is_open());
  }

  unix_address address_of(const std::string& name) const {
    const std::string number = std::to_string(opened_.number());
    return unix_address::path("/proc/self/fd/" + number + "/" + name).value();
  }

 private:
  temporary_directory directory_;
  descriptor opened_;
};

GYRE_TEST(unix_sockets, a_stream_connects_by_path) {
  const socket_directory directory;
  const unix_address address = directory.address_of("socket");
  unix_listener listener = unix_listener::bind(address).value();
  EXPECT_EQ(listener.local().value(), address);
  unix_stream client = (co_await unix_stream::connect(address)).value();
  unix_stream server = (co_await listener.accept()).value();
  EXPECT_EQ(client.peer().value(), address);
  EXPECT_TRUE(client.local().value().is_unnamed());
  (co_await client.write_all(bytes_of("hello"))).value();
  client.shutdown_write().value();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await server.read_exactly(buffer)).value(), 5U);
  EXPECT_EQ(unix_listener::bind(address).error(), std::errc::address_in_use);
}

GYRE_TEST(unix_sockets, messages_connect_by_abstract_name) {
  const std::string name = "gyre-test-" + std::to_string(getpid());
  const unix_address address = unix_address::abstract(name).value();
  auto listener = unix_seqpacket_listener::bind(address).value();
  unix_seqpacket client = (co_await unix_seqpacket::connect(address)).value();
  unix_seqpacket server = (co_await listener.accept()).value();
  EXPECT_EQ(client.peer().value(), address);
  (co_await client.send(bytes_of("one"))).value();
  (co_await client.send(bytes_of("three"))).value();
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ((co_await server.receive(buffer)).value().size, 3U);
  const unix_message cut = (co_await server.receive(buffer)).value();
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.size, 4U);
  EXPECT_EQ(cut.length, 5U);
  client.shutdown().value();
  EXPECT_EQ((co_await server.receive(buffer)).value().length, 0U);
}

GYRE_TEST(unix_sockets, nobody_there_is_an_error) {
  const socket_directory directory;
  const unix_address address = directory.address_of("socket");
  EXPECT_EQ((co_await unix_stream::connect(address)).error(), std::errc::no_such_file_or_directory);
  auto listener = unix_listener::bind(address).value();
  (co_await listener.close()).value();
  EXPECT_EQ((co_await unix_stream::connect(address)).error(), std::errc::connection_refused);
}

GYRE_TEST(unix_sockets, a_full_queue_is_an_error_at_once) {
  const socket_directory directory;
  const unix_address address = directory.address_of("socket");
  auto listener = unix_listener::bind(address, 0).value();
  auto first = (co_await unix_stream::connect(address)).value();
  EXPECT_EQ((co_await unix_stream::connect(address)).error(),
            std::errc::resource_unavailable_try_again);
  auto server = (co_await listener.accept()).value();
  EXPECT_TRUE((co_await unix_stream::connect(address)).has_value());
}

GYRE_TEST(unix_sockets, a_full_queue_is_an_error_of_the_operation_too) {
  const socket_directory directory;
  const unix_address address = directory.address_of("socket");
  auto listener = unix_listener::bind(address, 0).value();
  descriptor first = (co_await op::socket(AF_UNIX, SOCK_STREAM)).value();
  (co_await op::connect(first, address.data(), address.size())).value();
  descriptor second = (co_await op::socket(AF_UNIX, SOCK_STREAM)).value();
  const int flags = fcntl(second.number(), F_GETFL);
  EXPECT_EQ(
      (co_await with_timeout(op::connect(second, address.data(), address.size()), 10s)).error(),
      std::errc::resource_unavailable_try_again);
  EXPECT_EQ(fcntl(second.number(), F_GETFL), flags);
  const auto ended = co_await with_timeout(link(op::connect(second, address.data(), address.size()),
                                                op::send_all(second, bytes_of("data"))),
                                           10s);
  const auto& [connected, sent] = ended.value();
  EXPECT_EQ(connected.error(), std::errc::resource_unavailable_try_again);
  EXPECT_EQ(sent.error(), std::errc::operation_canceled);
  auto server = (co_await listener.accept()).value();
  EXPECT_TRUE(co_await op::connect(second, address.data(), address.size()));
}

GYRE_TEST(unix_sockets, datagrams_come_with_their_sender) {
  const socket_directory directory;
  const auto address = directory.address_of("a");
  const auto other = directory.address_of("b");
  unix_datagram here = unix_datagram::bind(address).value();
  unix_datagram there = unix_datagram::bind(other).value();
  EXPECT_EQ(here.try_send_to(bytes_of("hello"), other).value(), 5U);
  std::array<std::byte, 8> buffer{};
  const unix_message got = (co_await there.receive(buffer)).value();
  EXPECT_EQ(got.size, 5U);
  EXPECT_EQ(got.from, address);
  there.connect(got.from).value();
  (co_await there.send(bytes_of("yes"))).value();
  EXPECT_EQ((co_await here.receive(buffer)).value().from, other);
}

GYRE_TEST(unix_sockets, a_datagram_waits_for_room_at_the_receiver) {
  const socket_directory directory;
  const auto address = directory.address_of("a");
  unix_datagram there = unix_datagram::bind(address).value();
  unix_datagram here = unix_datagram::open().value();
  here.connect(address).value();
  std::size_t queued = 0;
  while (here.try_send_to(bytes_of("x"), address)) ++queued;
  EXPECT_EQ(here.try_send_to(bytes_of("x"), address).error(),
            std::errc::resource_unavailable_try_again);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { EXPECT_EQ((co_await here.send(bytes_of("last"))).value(), 4U); });
    co_await yield();
    std::array<std::byte, 8> buffer{};
    for (std::size_t i = 0; i < queued; ++i)
      EXPECT_EQ((co_await there.receive(buffer)).value().size, 1U);
    EXPECT_EQ((co_await there.receive(buffer)).value().size, 4U);
  });
}

// A peer that reads little by little, see docs/quirks.md.
GYRE_TEST(unix_sockets, a_write_of_many_pieces_takes_no_kernel_worker) {
  auto [writer, reader] = unix_stream::pair().value();
  writer.set_send_buffer(4096).value();
  std::vector<std::byte> sent(times(1 << 20, 1 << 16));
  byte_pattern().fill(sent);
  for (const bool in_pieces : {false, true}) {
    std::array parts = {iovec{sent.data(), 1}, iovec{sent.data() + 1, sent.size() - 1}};
    std::vector<std::byte> received(sent.size());
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        if (in_pieces)
          (co_await writer.write_all(std::span<iovec>(parts))).value();
        else
          (co_await writer.write_all(sent)).value();
      });
      for (auto rest = std::span(received); !rest.empty();)
        rest = rest.subspan((co_await reader.read_some(rest)).value());
    });
    EXPECT_TRUE(byte_pattern().matches(received));
  }
}

GYRE_TEST(unix_sockets, a_pair_is_connected) {
  std::array<std::byte, 8> buffer{};
  auto streams = unix_stream::pair().value();
  (co_await streams.first.write_all(bytes_of("ab"))).value();
  EXPECT_EQ((co_await streams.second.read_some(buffer)).value(), 2U);
  auto datagrams = unix_datagram::pair().value();
  (co_await datagrams.first.send(bytes_of("abc"))).value();
  EXPECT_EQ((co_await datagrams.second.receive(buffer)).value().size, 3U);
  auto packets = unix_seqpacket::pair().value();
  (co_await packets.first.send(bytes_of("abcd"))).value();
  EXPECT_EQ((co_await packets.second.receive(buffer)).value().size, 4U);
}

/// A message of two parts, sent and received as such.
template <class Socket>
task<> exchange_in_parts(Socket& from, Socket& to, std::size_t descriptors) {
  std::string text = "in two parts";
  const std::array<iovec, 2> data = {{{text.data(), 3}, {text.data() + 3, 9}}};
  const std::array<int, 2> passed = {1, 2};
  const auto sent = co_await from.send(data, std::span(passed).first(descriptors));
  EXPECT_EQ(sent.value(), 12U);
  std::string received(16, ' ');
  const std::array<iovec, 2> room = {{{received.data(), 7}, {received.data() + 7, 9}}};
  const auto got = co_await to.receive(room, descriptors);
  EXPECT_EQ(got.value().size, 12U);
  EXPECT_EQ(got->length, 12U);
  EXPECT_EQ(received.substr(0, 12), text);
  EXPECT_EQ(got->descriptors.size(), descriptors);
  EXPECT_FALSE(got->descriptors_lost);
}

GYRE_TEST(unix_sockets, several_buffers_are_one_message) {
  for (const std::size_t descriptors : {0U, 2U}) {
    auto streams = unix_stream::pair().value();
    co_await exchange_in_parts(streams.first, streams.second, descriptors);
    auto datagrams = unix_datagram::pair().value();
    co_await exchange_in_parts(datagrams.first, datagrams.second, descriptors);
    auto packets = unix_seqpacket::pair().value();
    co_await exchange_in_parts(packets.first, packets.second, descriptors);
  }
}

GYRE_TEST(unix_sockets, what_several_buffers_can_not_hold_is_reported) {
  auto packets = unix_seqpacket::pair().value();
  std::string text = "too long";
  const std::array<iovec, 2> data = {{{text.data(), 4}, {text.data() + 4, 4}}};
  EXPECT_EQ((co_await packets.first.send(data)).value(), 8U);
  const std::array<iovec, 2> room = {{{text.data(), 2}, {text.data() + 2, 1}}};
  const unix_message cut = (co_await packets.second.receive(room)).value();
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.size, 3U);
  EXPECT_EQ(cut.length, 8U);
  const std::array<iovec, 1> nothing = {{{text.data(), 0}}};
  auto streams = unix_stream::pair().value();
  EXPECT_EQ((co_await streams.first.send(nothing, {})).error(), std::errc::invalid_argument);
}

GYRE_TEST(unix_sockets, a_receive_is_stopped_and_closed) {
  auto ends = unix_stream::pair().value();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await with_timeout(ends.second.receive(buffer, 1), 1ms)).error(),
            std::errc::timed_out);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await ends.second.receive(buffer, 1)).error(), std::errc::operation_canceled);
    });
    co_await yield();
    (co_await ends.second.close()).value();
  });
}

}  // namespace
}  // namespace gyre::conformance
