#include "gyre/io/socket_setup_ops.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <system_error>

#include "gyre/io/descriptor.h"
#include "gyre/io/socket_ops.h"
#include "gyre/net/endpoint.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

int int_option(const descriptor& socket, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  require(::getsockopt(socket.number(), level, option, &value, &size) == 0);
  return value;
}

endpoint address_of(const descriptor& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  require(::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return endpoint::from(address);
}

GYRE_TEST(socket_setup, a_listener_is_made_step_by_step) {
  descriptor listener = (co_await op::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK)).value();
  const endpoint any_port = endpoint::loopback_v4(0);
  (co_await op::bind(listener, any_port.data(), any_port.size())).value();
  (co_await op::listen(listener, 8)).value();
  EXPECT_EQ(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
  tcp_stream client = (co_await tcp_stream::connect(address_of(listener))).value();
  tcp_stream server((co_await op::accept(listener)).value());
  EXPECT_EQ(server.peer().value(), client.local().value());
}

GYRE_TEST(socket_setup, a_listener_is_made_by_one_link) {
  descriptor listener = (co_await op::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK)).value();
  const endpoint any_port = endpoint::loopback_v4(0);
  auto [reused, bound, listening] =
      co_await link(op::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, 1),
                    op::bind(listener, any_port.data(), any_port.size()), op::listen(listener, 8));
  EXPECT_TRUE(reused && bound && listening);
  EXPECT_EQ(int_option(listener, SOL_SOCKET, SO_REUSEADDR), 1);
  EXPECT_EQ(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
}

GYRE_TEST(socket_setup, an_address_in_use_cuts_a_link) {
  tcp_listener taken = listen_on_loopback();
  const endpoint address = taken.local().value();
  descriptor listener = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  auto [bound, listening] =
      co_await link(op::bind(listener, address.data(), address.size()), op::listen(listener, 8));
  EXPECT_EQ(bound.error(), std::errc::address_in_use);
  EXPECT_EQ(listening.error(), std::errc::operation_canceled);
  EXPECT_EQ(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN), 0);
}

GYRE_TEST(socket_setup, a_refused_socket_may_try_again) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  const endpoint nobody = listen_on_loopback().local().value();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ((co_await op::connect(socket, nobody.data(), nobody.size())).error(),
              std::errc::connection_refused);
  tcp_listener listener = listen_on_loopback();
  const endpoint somebody = listener.local().value();
  EXPECT_TRUE(co_await op::connect(socket, somebody.data(), somebody.size()));
}

GYRE_TEST(socket_setup, a_socket_is_set_up_connected_and_written_to_by_one_link) {
  tcp_listener listener = listen_on_loopback();
  const endpoint address = listener.local().value();
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  auto [set, connected, sent, ended] =
      co_await link(op::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, 1),
                    op::connect(socket, address.data(), address.size()),
                    op::send_all(socket, bytes_of("hello")), op::shutdown(socket, SHUT_WR));
  EXPECT_TRUE(set && connected && sent && ended);
  EXPECT_EQ(int_option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
  tcp_stream server = (co_await listener.accept()).value();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await server.read_exactly(buffer)).value(), 5U);
}

GYRE_TEST(socket_setup, the_end_of_the_stream_follows_a_write) {
  tcp_pair pair = co_await connect_pair();
  auto [sent, ended] = co_await link(pair.client.write_all(bytes_of("last words")),
                                     op::shutdown(pair.client.socket(), SHUT_WR));
  EXPECT_TRUE(sent && ended);
  std::array<std::byte, 16> buffer;
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 10U);
  (co_await pair.server.write_all(bytes_of("heard"))).value();
  EXPECT_EQ((co_await pair.client.read_some(buffer)).value(), 5U);
}

GYRE_TEST(socket_setup, a_hard_link_shuts_down_after_a_failure) {
  tcp_pair pair = co_await connect_pair();
  pair.client.shutdown_write().value();
  auto [sent, ended] = co_await hard_link(pair.client.write_all(bytes_of("too late")),
                                          op::shutdown(pair.client.socket(), SHUT_RDWR));
  EXPECT_EQ(sent.error(), std::errc::broken_pipe);
  EXPECT_TRUE(ended.has_value());
}

GYRE_TEST(socket_setup, a_shutdown_that_fails_cuts_a_link) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  auto [ended, made] =
      co_await link(op::shutdown(socket, SHUT_WR), op::socket(AF_INET, SOCK_STREAM));
  EXPECT_EQ(ended.error(), std::errc::not_connected);
  EXPECT_EQ(made.error(), std::errc::operation_canceled);
}

GYRE_TEST(socket_setup, a_shutdown_alone_ends_a_read_that_waits) {
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 4> buffer;
      EXPECT_EQ((co_await pair.server.read_some(buffer)).value(), 0U);
    });
    co_await yield();
    (co_await op::shutdown(pair.server.socket(), SHUT_RD)).value();
  });
  descriptor alone = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  EXPECT_EQ((co_await op::shutdown(alone, SHUT_WR)).error(), std::errc::not_connected);
}

GYRE_TEST(socket_setup, options_are_what_they_were_set_to) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  const linger wait = {1, 7};
  linger there = {};
  // The last one io_uring doesn't have, the others it has.
  int idle = 0;
  auto [lingers, got, set, read] = co_await link(
      op::setsockopt(socket, SOL_SOCKET, SO_LINGER, std::as_bytes(std::span(&wait, 1))),
      op::getsockopt(socket, SOL_SOCKET, SO_LINGER, std::as_writable_bytes(std::span(&there, 1))),
      op::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, 17),
      op::getsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE,
                     std::as_writable_bytes(std::span(&idle, 1))));
  EXPECT_TRUE(lingers && set);
  EXPECT_EQ(got.value(), sizeof there);
  EXPECT_EQ(there.l_onoff, 1);
  EXPECT_EQ(there.l_linger, 7);
  EXPECT_EQ(read.value(), sizeof idle);
  EXPECT_EQ(idle, 17);
}

GYRE_TEST(socket_setup, an_option_is_set_and_asked_for_by_one_link) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  int on = 0;
  auto [set, got] = co_await link(
      op::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, 1),
      op::getsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, std::as_writable_bytes(std::span(&on, 1))));
  EXPECT_TRUE(set.has_value());
  EXPECT_EQ(got.value(), sizeof on);
  EXPECT_EQ(on, 1);
}

GYRE_TEST(socket_setup, an_option_that_is_refused_cuts_a_link) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  auto [set, ended] =
      co_await link(op::setsockopt(socket, SOL_SOCKET, -1, 1), op::shutdown(socket, SHUT_RDWR));
  EXPECT_EQ(set.error(), std::errc::no_protocol_option);
  EXPECT_EQ(ended.error(), std::errc::operation_canceled);
}

GYRE_TEST(socket_setup, sockets_of_a_link_are_owned) {
  auto [first, second, refused, never] =
      co_await link(op::socket(AF_INET, SOCK_STREAM), op::socket(AF_UNIX, SOCK_SEQPACKET),
                    op::socket(AF_UNIX, SOCK_RAW, 77), op::socket(AF_INET6, SOCK_DGRAM));
  EXPECT_TRUE(first.value().is_open());
  EXPECT_EQ(int_option(*second, SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
  EXPECT_TRUE(refused.error());
  EXPECT_EQ(never.error(), std::errc::operation_canceled);
}

GYRE_TEST(socket_setup, sockets_are_not_inherited) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_DGRAM)).value();
  EXPECT_EQ(fcntl(socket.number(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

GYRE_TEST(socket_setup, what_is_closed_is_an_error) {
  descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
  (co_await socket.close()).value();
  EXPECT_EQ((co_await op::listen(socket, 1)).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST_STOPPED_ANYWHERE(socket_setup, a_stop_leaves_nothing) {
  const endpoint any_port = endpoint::loopback_v4(0);
  (void)co_await op::socket(AF_INET, SOCK_STREAM);
  (void)co_await with_timeout(link(op::socket(AF_INET, SOCK_STREAM), op::socket(AF_UNIX, 99)), 1s);
  descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  (void)co_await link(op::bind(socket, any_port.data(), any_port.size()), op::listen(socket, 1),
                      op::shutdown(socket, SHUT_RD));
}

}  // namespace
}  // namespace gyre::conformance
