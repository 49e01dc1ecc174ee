#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/net/server.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/heap/counted_heap.h"

namespace {

using buffer = std::array<std::byte, 64>;

gyre::task<> echo(gyre::tcp_stream stream) {
  buffer bytes;
  while (auto got = co_await stream.read_some(bytes))
    if (*got == 0 || !co_await stream.write_all(std::span(bytes).first(*got))) break;
}

gyre::task<> serve(gyre::server& server, gyre::tcp_listener listener) {
  (void)co_await server.serve(std::move(listener), echo);
}

gyre::task<> ping(gyre::tcp_stream& stream, int messages) {
  buffer bytes{};
  for (int i = 0; i < messages; ++i) {
    (co_await stream.write_all(bytes)).value();
    if ((co_await stream.read_exactly(bytes)).value() != bytes.size())
      throw std::runtime_error("the stream ended");
  }
}

gyre::task<> ping_all(std::vector<gyre::tcp_stream>& streams, int messages) {
  co_await gyre::with_scope([&](gyre::scope& clients) -> gyre::task<> {
    for (gyre::tcp_stream& stream : streams) clients.spawn(ping(stream, messages));
    co_return;
  });
}

struct cost {
  double allocations = 0;
  double syscalls = 0;
};

gyre::task<cost> measure_round(std::vector<gyre::tcp_stream>& streams, int messages) {
  const auto& counters = gyre::loop::current().kernel().counters();
  const std::uint64_t allocations_before = gyre::counted_heap::allocations();
  const std::uint64_t syscalls_before = counters.syscalls;
  co_await ping_all(streams, messages);
  const double total = static_cast<double>(streams.size()) * messages;
  cost found;
  found.allocations =
      static_cast<double>(gyre::counted_heap::allocations() - allocations_before) / total;
  found.syscalls = static_cast<double>(counters.syscalls - syscalls_before) / total;
  co_return found;
}

gyre::task<> connect_and_ping(gyre::endpoint server) {
  auto stream = (co_await gyre::tcp_stream::connect(server)).value();
  co_await ping(stream, 1);
  stream.shutdown_write().value();
  buffer bytes;
  if ((co_await stream.read_some(bytes)).value() != 0)
    throw std::runtime_error("expected the end of the stream");
}

/// What a message costs once everything has been used: server and clients are on one loop.
gyre::task<cost> measure(int connections, int messages) {
  auto listener = gyre::tcp_listener::bind(gyre::endpoint::loopback_v4(0)).value();
  const gyre::endpoint local = listener.local().value();
  gyre::server server;
  cost found;
  co_await gyre::with_scope([&](gyre::scope& beside) -> gyre::task<> {
    beside.spawn(serve(server, std::move(listener)));
    std::vector<gyre::tcp_stream> streams;
    for (int i = 0; i < connections; ++i)
      streams.push_back((co_await gyre::tcp_stream::connect(local)).value());
    co_await ping_all(streams, 10);

    // A backend may start a thread late: the steady state is the best of a few rounds.
    for (int round = 0; round < 5; ++round) {
      const cost next = co_await measure_round(streams, messages);
      if (round == 0 || next.allocations < found.allocations) found = next;
      if (found.allocations == 0) break;
    }
    server.stop();
  });
  co_return found;
}

/// What allocates, of a hundred connections that come one after the other.
gyre::task<std::uint64_t> count_allocations_of_connections() {
  auto listener = gyre::tcp_listener::bind(gyre::endpoint::loopback_v4(0)).value();
  const gyre::endpoint local = listener.local().value();
  gyre::server server;
  std::uint64_t fewest = 0;
  co_await gyre::with_scope([&](gyre::scope& beside) -> gyre::task<> {
    beside.spawn(serve(server, std::move(listener)));
    for (int round = 0; round < 5; ++round) {
      const std::uint64_t before = gyre::counted_heap::allocations();
      for (int i = 0; i < 100; ++i) co_await connect_and_ping(local);
      const std::uint64_t count = gyre::counted_heap::allocations() - before;
      if (round == 0 || count < fewest) fewest = count;
    }
    server.stop();
  });
  co_return fewest;
}

cost measure_on(gyre::backend_choice backend, int connections, int messages) {
  gyre::run_options options;
  options.backend = backend;
  return gyre::run(measure(connections, messages), options);
}

// Under AddressSanitizer every frame comes from the heap, on purpose.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool frames_are_pooled = false;
#else
constexpr bool frames_are_pooled = true;
#endif
#else
constexpr bool frames_are_pooled = true;
#endif

class SteadyState : public testing::TestWithParam<gyre::backend_choice> {};

TEST_P(SteadyState, AnEchoedMessageAllocatesNothing) {
  const cost found = measure_on(GetParam(), 8, 2000);
  if (frames_are_pooled) {
    EXPECT_EQ(found.allocations, 0);
  }
}

TEST_P(SteadyState, AConnectionThatIsServedAllocatesNothing) {
  gyre::run_options options;
  options.backend = GetParam();
  const std::uint64_t count = gyre::run(count_allocations_of_connections(), options);
  if (frames_are_pooled) {
    EXPECT_EQ(count, 0U);
  }
}

std::string name_of(const testing::TestParamInfo<gyre::backend_choice>& each) {
  if (each.param == gyre::backend_choice::uring) return "uring";
  return each.param == gyre::backend_choice::epoll ? "epoll" : "threads";
}

INSTANTIATE_TEST_SUITE_P(Backends, SteadyState,
                         testing::Values(gyre::backend_choice::uring, gyre::backend_choice::epoll,
                                         gyre::backend_choice::threads),
                         name_of);

// The client's half is counted too: a server alone needs less.
TEST(SteadyStateOnUring, FiveHundredConnectionsTakeLessThanATenthOfASyscallAMessage) {
  const cost found = measure_on(gyre::backend_choice::uring, 500, 40);
  EXPECT_LE(found.syscalls, 0.1);
  RecordProperty("syscalls_per_message", std::to_string(found.syscalls));
}

}  // namespace
