#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/io/run.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace {

constexpr int connections = 200;

/// Connects without a loop: the kernel answers for a listener that has not accepted yet.
std::vector<descriptor> connect_to(const endpoint& server) {
  std::vector<descriptor> clients;
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back(socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(clients.back().number(), server.data(), server.size()), 0);
  }
  return clients;
}

task<std::uint64_t> turns_to_accept_all() {
  auto listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
  const std::vector<descriptor> clients = connect_to(listener.local().value());
  std::vector<tcp_stream> streams;
  const std::uint64_t before = loop::current().counters().turns;
  for (int i = 0; i < connections; ++i) streams.push_back((co_await listener.accept()).value());
  co_return loop::current().counters().turns - before;
}

class accepting : public testing::TestWithParam<backend_choice> {};

// A turn may have a thousand messages to serve: one connection a turn would be a second for each
// hundred that wait.
TEST_P(accepting, takes_many_connections_in_a_turn) {
  run_options options;
  options.backend = GetParam();
  EXPECT_LT(run(turns_to_accept_all(), options), connections / 10);
}

INSTANTIATE_TEST_SUITE_P(on, accepting,
                         testing::Values(backend_choice::uring, backend_choice::epoll),
                         [](const auto& backend) {
                           return std::string(backend.param == backend_choice::uring ? "uring"
                                                                                     : "epoll");
                         });

}  // namespace
}  // namespace gyre
