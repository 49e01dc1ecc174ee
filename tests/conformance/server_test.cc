#include "gyre/net/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/net/unix.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/descriptor_limit.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Until the client sends no more.
task<> echo(tcp_stream stream) {
  std::array<std::byte, 100> buffer;
  while (const auto got = co_await stream.read_some(buffer)) {
    if (*got == 0) co_return;
    const auto written = co_await stream.write_all(std::span(buffer).first(*got));
    if (!written) co_return;
  }
}

/// A client that has been served at least once.
task<tcp_stream> connect_and_hear(endpoint server) {
  auto client = (co_await tcp_stream::connect(server)).value();
  std::array<std::byte, 4> buffer;
  (co_await client.write_all(bytes_of("ping"))).value();
  require((co_await client.read_exactly(buffer)).value() == 4);
  EXPECT_EQ(text_of(buffer), "ping");
  co_return client;
}

/// Whether the server has closed the connection.
task<bool> is_closed(tcp_stream& client) {
  std::array<std::byte, 4> buffer;
  const auto got = co_await client.read_some(buffer);
  co_return !got || *got == 0;
}

GYRE_TEST(server, serves_all_that_come_and_ends_when_they_have_after_a_drain) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  server tested;
  result<void> ended = std::errc::io_error;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { ended = co_await tested.serve(std::move(listener), echo); });
    auto first = co_await connect_and_hear(local);
    auto second = co_await connect_and_hear(local);
    EXPECT_EQ(tested.open(), 2U);
    EXPECT_FALSE(tested.draining());
    tested.drain();
    EXPECT_TRUE(tested.draining());
    // Accepting ends first: then those who are there go on as long as they like.
    result<void> late;
    while (late) {
      const auto connected = co_await tcp_stream::connect(local);
      // A reset: it had come, but not been accepted.
      if (connected.error() != std::errc::connection_reset) late = connected.error();
    }
    EXPECT_EQ(late.error(), std::errc::connection_refused);
    std::array<std::byte, 4> buffer;
    (co_await first.write_all(bytes_of("last"))).value();
    require((co_await first.read_exactly(buffer)).value() == 4);
    EXPECT_EQ(text_of(buffer), "last");
    (void)first.shutdown_write();
    EXPECT_TRUE(co_await is_closed(first));
    EXPECT_EQ(children.size(), 2U);
  });
  EXPECT_TRUE(ended) << ended.error().message();
  EXPECT_EQ(tested.open(), 0U);
  EXPECT_GE(tested.counters().accepted, 2U);
  EXPECT_EQ(tested.counters().pauses, 0U);
}

GYRE_TEST(server, told_to_drain_before_it_serves_ends_at_once) {
  server tested;
  tested.drain();
  EXPECT_TRUE(co_await tested.serve(listen_on_loopback(), echo));
}

/// Serves a client that doesn't end by itself, until `end` has made it.
task<result<void>> serve_one_that_stays(server& tested, void (*end)(server&)) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  result<void> ended;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { ended = co_await tested.serve(std::move(listener), echo); });
    auto client = co_await connect_and_hear(local);
    end(tested);
    EXPECT_TRUE(co_await is_closed(client));
  });
  EXPECT_EQ(tested.open(), 0U);
  co_return ended;
}

GYRE_TEST(server, cuts_connections_off_when_the_time_to_drain_is_over) {
  server_options options;
  options.drain_time = 20ms;
  server tested(options);
  const auto start = std::chrono::steady_clock::now();
  const auto ended = co_await serve_one_that_stays(tested, [](server& each) { each.drain(); });
  EXPECT_EQ(ended.error(), std::errc::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

GYRE_TEST(server, told_to_stop_cuts_connections_off_at_once_also_while_it_drains) {
  server_options options;
  options.drain_time = 1h;
  server stopped(options);
  auto ended = co_await serve_one_that_stays(stopped, [](server& each) { each.stop(); });
  EXPECT_EQ(ended.error(), std::errc::operation_canceled);
  server drained(options);
  ended = co_await serve_one_that_stays(drained, [](server& each) {
    each.drain();
    each.stop();
  });
  EXPECT_EQ(ended.error(), std::errc::operation_canceled);
}

GYRE_TEST(server, has_no_more_connections_open_than_it_may) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  server_options options;
  options.connections_max = 2;
  server tested(options);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto ended = co_await tested.serve(std::move(listener), [&](tcp_stream stream) {
        EXPECT_LE(tested.open(), 1U);
        return echo(std::move(stream));
      });
      EXPECT_TRUE(ended);
    });
    auto first = co_await connect_and_hear(local);
    auto second = co_await connect_and_hear(local);
    auto third = (co_await tcp_stream::connect(local)).value();
    EXPECT_EQ(tested.open(), 2U);
    EXPECT_EQ(tested.counters().pauses, 1U);
    (void)second.shutdown_write();
    (co_await third.write_all(bytes_of("3"))).value();
    std::array<std::byte, 1> buffer;
    require((co_await third.read_some(buffer)).value() == 1);
    EXPECT_EQ(tested.open(), 2U);
    tested.drain();
  });
  EXPECT_EQ(tested.counters().accepted, 3U);
}

task<> until_paused(const server& waiting) {
  while (waiting.counters().pauses == 0) {
    const auto turn = co_await sleep_for(0ns);
    if (!turn) co_return;
  }
}

task<> serve_well(server& tested, tcp_listener listener) {
  const auto ended = co_await tested.serve(std::move(listener), echo);
  EXPECT_TRUE(ended);
}

GYRE_TEST(server, shares_a_limit_with_others_whichever_of_them_the_clients_come_to) {
  cross_semaphore permits(2);
  server_options options;
  options.permits = &permits;
  std::array<server, 2> tested{server(options), server(options)};
  std::array<endpoint, 2> locals;
  co_await with_scope([&](scope& children) -> task<> {
    for (std::size_t each = 0; each < 2; ++each) {
      tcp_listener listener = listen_on_loopback();
      locals.at(each) = listener.local().value();
      children.spawn(serve_well(tested.at(each), std::move(listener)));
    }
    auto first = co_await connect_and_hear(locals[0]);
    auto second = co_await connect_and_hear(locals[0]);
    auto third = (co_await tcp_stream::connect(locals[1])).value();
    (co_await third.write_all(bytes_of("3"))).value();
    co_await until_paused(tested[1]);
    EXPECT_EQ(tested[0].open(), 2U);
    EXPECT_EQ(tested[1].open(), 0U);
    (void)second.shutdown_write();
    std::array<std::byte, 1> buffer;
    require((co_await third.read_some(buffer)).value() == 1);
    EXPECT_EQ(tested[0].open() + tested[1].open(), 2U);
    // One that still waits at the end is closed, and no permit is lost.
    auto fourth = (co_await tcp_stream::connect(locals[0])).value();
    co_await until_paused(tested[0]);
    tested[0].drain();
    EXPECT_TRUE(co_await is_closed(fourth));
    (void)first.shutdown_write();
    (void)third.shutdown_write();
    tested[1].drain();
  });
  EXPECT_EQ(tested[0].counters().accepted, 2U);
  EXPECT_EQ(tested[1].counters().accepted, 1U);
  EXPECT_EQ(permits.available(), 2U);
}

GYRE_TEST(server, pauses_while_no_descriptor_can_be_had_and_then_serves_all) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  std::vector<tcp_stream> clients;
  for (int i = 0; i < 5; ++i) clients.push_back((co_await tcp_stream::connect(local)).value());
  event pausing;
  int told = 0;
  server_options options;
  options.accept_pause = 1ms;
  options.on_pause = [&](std::error_code why) {
    EXPECT_EQ(why, std::errc::too_many_files_open);
    ++told;
    pausing.set();
  };
  server tested(options);
  co_await with_scope([&](scope& children) -> task<> {
    descriptor_limit limit(3);
    children.spawn(
        [&]() -> task<> { EXPECT_TRUE(co_await tested.serve(std::move(listener), echo)); });
    (void)co_await pausing.wait();
    (void)co_await sleep_for(5ms);
    EXPECT_EQ(tested.open(), 0U);
    EXPECT_EQ(told, 1);
    limit.set(1000);
    std::array<std::byte, 1> buffer;
    for (tcp_stream& each : clients) {
      (co_await each.write_all(bytes_of("x"))).value();
      require((co_await each.read_some(buffer)).value() == 1);
    }
    EXPECT_GE(tested.counters().pauses, 1U);
    tested.drain();
    clients.clear();
  });
  EXPECT_EQ(tested.counters().accepted, 5U);
}

task<> fail(tcp_stream stream) {
  std::array<std::byte, 1> buffer;
  const auto got = co_await stream.read_some(buffer);
  if (got && *got == 1) throw std::runtime_error("no good");
}

GYRE_TEST(server, ends_with_what_serving_a_connection_throws) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  server tested;
  std::string thrown;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      try {
        (void)co_await tested.serve(std::move(listener), fail);
      } catch (const std::runtime_error& failure) {
        thrown = failure.what();
      }
    });
    auto other = (co_await tcp_stream::connect(local)).value();
    auto one = (co_await tcp_stream::connect(local)).value();
    (co_await one.write_all(bytes_of("x"))).value();
    EXPECT_TRUE(co_await is_closed(one));
    EXPECT_TRUE(co_await is_closed(other));
  });
  EXPECT_EQ(thrown, "no good");
  EXPECT_EQ(tested.open(), 0U);
}

GYRE_TEST(server, goes_on_with_the_other_connections_where_failures_are_told_of) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  int failures = 0;
  std::exception_ptr failure;
  server_options options;
  options.on_failure = [&](std::exception_ptr each) {
    failure = std::move(each);
    ++failures;
  };
  server tested(options);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { EXPECT_TRUE(co_await tested.serve(std::move(listener), fail)); });
    auto other = (co_await tcp_stream::connect(local)).value();
    for (int i = 0; i < 3; ++i) {
      auto one = (co_await tcp_stream::connect(local)).value();
      (co_await one.write_all(bytes_of("x"))).value();
      EXPECT_TRUE(co_await is_closed(one));
    }
    EXPECT_EQ(failures, 3);
    EXPECT_EQ(tested.open(), 1U);
    tested.drain();
    (void)other.shutdown_write();
    EXPECT_TRUE(co_await is_closed(other));
  });
  EXPECT_EQ(failures, 3);
  EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
}

GYRE_TEST(server, gives_the_error_of_a_listener_that_is_no_good_when_its_connections_have_ended) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  const int number = listener.socket().number();
  server tested;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto ended = co_await tested.serve(std::move(listener), echo);
      EXPECT_EQ(ended.error(), std::errc::invalid_argument);
    });
    auto client = co_await connect_and_hear(local);
    require(::shutdown(number, SHUT_RDWR) == 0);
    while (!tested.draining()) {
      const auto turn = co_await sleep_for(0ns);
      if (!turn) co_return;
    }
    EXPECT_EQ(tested.open(), 1U);
    (void)client.shutdown_write();
    EXPECT_TRUE(co_await is_closed(client));
  });
}

GYRE_TEST(server, accepts_from_unix_sockets_too) {
  const auto name = unix_address::abstract("gyre-server-" + std::to_string(getpid())).value();
  auto listener = unix_listener::bind(name).value();
  server tested;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_TRUE(co_await tested.serve(std::move(listener), [&](unix_stream) -> task<> {
        tested.drain();
        co_return;
      }));
    });
    auto client = (co_await unix_stream::connect(name)).value();
    std::array<std::byte, 1> buffer;
    EXPECT_EQ((co_await client.read_some(buffer)).value(), 0U);
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_server_with_its_connections) {
  tcp_listener listener = listen_on_loopback();
  const endpoint local = listener.local().value();
  server tested;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await tested.serve(std::move(listener), echo); });
    auto first = co_await connect_and_hear(local);
    auto second = co_await connect_and_hear(local);
    tested.drain();
  });
}

}  // namespace
}  // namespace gyre::conformance
