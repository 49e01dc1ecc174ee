#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"

namespace {

using namespace std::chrono_literals;

constexpr int connections = 1000;

gyre::task<> hold(gyre::tcp_stream stream, int& held) {
  ++held;
  std::array<std::byte, 64> bytes;
  while (auto got = co_await stream.read_some(bytes))
    if (*got == 0) break;
}

gyre::task<> accept_all(gyre::tcp_listener& listener, gyre::scope& server, int& held) {
  while (auto stream = co_await listener.accept()) server.spawn(hold(*std::move(stream), held));
}

class activity {
 public:
  activity() noexcept {}
  std::uint64_t turns = 0;
  std::uint64_t syscalls = 0;
  std::uint64_t submitted = 0;
};

activity activity_now() {
  gyre::loop& here = gyre::loop::current();
  activity now;
  now.turns = here.counters().turns;
  now.syscalls = here.kernel().counters().syscalls;
  now.submitted = here.kernel().counters().submitted;
  return now;
}

// What was begun may still go through a pool of threads. A window costs a timer, no more.
gyre::task<> until_nothing_happens() {
  constexpr std::uint64_t syscalls_of_a_timer = 2;
  std::uint64_t before = 0;
  do {
    before = activity_now().syscalls;
    (co_await gyre::sleep_for(20ms)).value();
  } while (activity_now().syscalls - before > syscalls_of_a_timer);
}

/// What a server with so many connections does in a while in which nobody sends anything.
gyre::task<activity> idle_for(std::chrono::milliseconds while_idle) {
  auto listener = gyre::tcp_listener::bind(gyre::endpoint::loopback_v4(0)).value();
  activity spent;
  int held = 0;
  co_await gyre::with_scope([&](gyre::scope& server) -> gyre::task<> {
    server.spawn(accept_all(listener, server, held));
    std::vector<gyre::tcp_stream> clients;
    for (int i = 0; i < connections; ++i)
      clients.push_back((co_await gyre::tcp_stream::connect(listener.local().value())).value());
    while (held < connections) (co_await gyre::sleep_for(10ms)).value();
    co_await until_nothing_happens();
    const activity before = activity_now();
    (co_await gyre::sleep_for(while_idle)).value();
    const activity after = activity_now();
    spent.turns = after.turns - before.turns;
    spent.syscalls = after.syscalls - before.syscalls;
    spent.submitted = after.submitted - before.submitted;
    server.request_stop();
  });
  co_return spent;
}

class Idle : public testing::TestWithParam<gyre::backend_choice> {
 protected:
  void SetUp() override {
    rlimit limit;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_GE(limit.rlim_max, 2U * connections + 100) << "the limit of descriptors is too low";
    limit.rlim_cur = limit.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
};

// The few that are allowed are those of the timer that ends the measurement.
TEST_P(Idle, AThousandConnectionsCostNoTurnsAndNoSystemCalls) {
  gyre::run_options options;
  options.backend = GetParam();
  const activity spent = gyre::run(idle_for(300ms), options);
  EXPECT_LE(spent.turns, 5U);
  EXPECT_LE(spent.syscalls, 5U);
  EXPECT_EQ(spent.submitted, 0U);
}

std::string name_of(const testing::TestParamInfo<gyre::backend_choice>& each) {
  if (each.param == gyre::backend_choice::uring) return "uring";
  return each.param == gyre::backend_choice::epoll ? "epoll" : "threads";
}

INSTANTIATE_TEST_SUITE_P(Backends, Idle,
                         testing::Values(gyre::backend_choice::uring, gyre::backend_choice::epoll,
                                         gyre::backend_choice::threads),
                         name_of);

}  // namespace
