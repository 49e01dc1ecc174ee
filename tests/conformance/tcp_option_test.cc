#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <set>
#include <vector>

#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

int option(descriptor& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  require(getsockopt(socket.number(), level, name, &value, &size) == 0);
  return value;
}

int close_on_exec(descriptor& of) {
  return fcntl(of.number(), F_GETFD) & FD_CLOEXEC;
}

GYRE_TEST(tcp_options, no_delay_goes_on_and_off) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_no_delay(true).value();
  EXPECT_NE(option(pair.client.socket(), IPPROTO_TCP, TCP_NODELAY), 0);
  pair.client.set_no_delay(false).value();
  EXPECT_EQ(option(pair.client.socket(), IPPROTO_TCP, TCP_NODELAY), 0);
}

GYRE_TEST(tcp_options, keep_alive_has_its_three_numbers) {
  tcp_pair pair = co_await connect_pair();
  descriptor& socket = pair.client.socket();
  pair.client.set_keep_alive(30s, 5s, 4).value();
  EXPECT_NE(option(socket, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_KEEPCNT), 4);
  pair.client.set_keep_alive_off().value();
  EXPECT_EQ(option(socket, SOL_SOCKET, SO_KEEPALIVE), 0);
}

GYRE_TEST(tcp_options, a_number_that_the_kernel_refuses_is_an_error) {
  tcp_pair pair = co_await connect_pair();
  EXPECT_EQ(pair.client.set_keep_alive(0s, 5s, 4).error(), std::errc::invalid_argument);
  EXPECT_EQ(pair.client.set_keep_alive(5s, 5s, 1000).error(), std::errc::invalid_argument);
  EXPECT_EQ(pair.client.set_user_timeout(-1ms).error(), std::errc::invalid_argument);
}

GYRE_TEST(tcp_options, a_span_that_does_not_fit_is_not_cut_short) {
  tcp_pair pair = co_await connect_pair();
  // 2^32 ms and 2^32 s, and a little: cut to 32 bits they are 5 ms and 5 s.
  EXPECT_FALSE(pair.client.set_user_timeout(std::chrono::milliseconds((1LL << 32) + 5)));
  EXPECT_FALSE(pair.client.set_keep_alive(std::chrono::seconds((1LL << 32) + 5), 5s, 4));
}

GYRE_TEST(tcp_options, user_timeout_is_in_milliseconds) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_user_timeout(1500ms).value();
  EXPECT_EQ(option(pair.client.socket(), IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
}

GYRE_TEST(tcp_options, buffers_have_the_size_that_was_asked_for) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(20'000).value();
  pair.client.set_receive_buffer(30'000).value();
  // The kernel doubles both, to have room for its own book-keeping.
  EXPECT_EQ(option(pair.client.socket(), SOL_SOCKET, SO_SNDBUF), 40'000);
  EXPECT_EQ(option(pair.client.socket(), SOL_SOCKET, SO_RCVBUF), 60'000);
}

GYRE_TEST(tcp_options, every_socket_is_close_on_exec) {
  tcp_listener listener = listen_on_loopback();
  tcp_pair pair = co_await connect_pair(listener);
  EXPECT_TRUE(close_on_exec(listener.socket()));
  EXPECT_TRUE(close_on_exec(pair.client.socket()));
  EXPECT_TRUE(close_on_exec(pair.server.socket()));
}

GYRE_TEST(tcp_options, both_ends_know_their_names) {
  tcp_listener listener = listen_on_loopback();
  tcp_pair pair = co_await connect_pair(listener);
  EXPECT_EQ(pair.client.peer().value(), listener.local().value());
  EXPECT_EQ(pair.server.local().value(), listener.local().value());
  EXPECT_EQ(pair.client.local().value(), pair.server.peer().value());
  EXPECT_NE(listener.local().value().port(), 0);
}

GYRE_TEST(tcp_options, version_6_works_as_version_4_does) {
  auto listener = tcp_listener::bind(endpoint::loopback_v6(0)).value();
  tcp_pair pair = co_await connect_pair(listener);
  EXPECT_TRUE(pair.client.peer().value().is_v6());
  EXPECT_EQ(pair.client.local().value(), pair.server.peer().value());
  (co_await pair.client.write_all(bytes_of("six"))).value();
  std::array<std::byte, 3> buffer;
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 3U);
  EXPECT_EQ(text_of(buffer), "six");
}

GYRE_TEST(tcp_options, a_listener_for_version_6_takes_version_4_where_it_is_told_to) {
  for (const bool only_v6 : {true, false}) {
    listen_options options;
    options.only_v6 = only_v6;
    auto listener = tcp_listener::bind(endpoint::any_v6(0), options).value();
    const auto port = listener.local().value().port();
    auto stream = co_await tcp_stream::connect(endpoint::loopback_v4(port));
    const std::error_code expected =
        only_v6 ? std::make_error_code(std::errc::connection_refused) : std::error_code();
    EXPECT_EQ(stream.error(), expected);
  }
}

GYRE_TEST(tcp_options, a_listener_that_starts_again_gets_its_port_back) {
  endpoint local = endpoint::loopback_v4(0);
  for (int i = 0; i < 20; ++i) {
    auto listener = tcp_listener::bind(local).value();
    local = listener.local().value();
    tcp_pair pair = co_await connect_pair(listener);
    // The side that closes first keeps the port in TIME_WAIT.
    (co_await pair.server.close()).value();
    std::array<std::byte, 1> buffer;
    EXPECT_EQ((co_await pair.client.read_some(buffer)).value(), 0U);
  }
}

GYRE_TEST(tcp_options, listeners_that_share_a_port_share_its_connections) {
  listen_options options;
  options.reuse_port = true;
  options.first_of_port = true;
  auto first = tcp_listener::bind(endpoint::loopback_v4(0), options).value();
  EXPECT_EQ(tcp_listener::bind(first.local().value(), options).error(), std::errc::address_in_use);
  options.first_of_port = false;
  auto second = tcp_listener::bind(first.local().value(), options).value();
  const int connections = times(100, 40);  // by fewer one could get them all by chance
  std::array<int, 2> accepted = {0, 0};
  const auto accept_all = [&accepted](tcp_listener& from, std::size_t index) -> task<> {
    while (auto stream = co_await from.accept()) ++accepted[index];
  };
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(accept_all(first, 0));
    children.spawn(accept_all(second, 1));
    std::vector<tcp_stream> streams;
    for (int i = 0; i < connections; ++i)
      streams.push_back((co_await tcp_stream::connect(first.local().value())).value());
    std::array<std::byte, 1> buffer;
    for (tcp_stream& each : streams) EXPECT_EQ((co_await each.read_some(buffer)).value(), 0U);
    children.request_stop();
  });
  EXPECT_EQ(accepted[0] + accepted[1], connections);
  EXPECT_GT(accepted[0], 0);
  EXPECT_GT(accepted[1], 0);
}

GYRE_TEST(tcp_options, what_an_acceptor_should_do_depends_on_the_error) {
  const auto advice = [](std::errc error) { return advise_accept(std::make_error_code(error)); };
  EXPECT_EQ(advice(std::errc::connection_aborted), accept_advice::go_on);
  EXPECT_EQ(advice(std::errc::host_unreachable), accept_advice::go_on);
  EXPECT_EQ(advice(std::errc::too_many_files_open), accept_advice::pause);
  EXPECT_EQ(advice(std::errc::too_many_files_open_in_system), accept_advice::pause);
  EXPECT_EQ(advice(std::errc::not_enough_memory), accept_advice::pause);
  EXPECT_EQ(advice(std::errc::operation_canceled), accept_advice::give_up);
  EXPECT_EQ(advice(std::errc::bad_file_descriptor), accept_advice::give_up);
  EXPECT_EQ(advice(std::errc::invalid_argument), accept_advice::give_up);
  co_return;
}

}  // namespace
}  // namespace gyre::conformance
