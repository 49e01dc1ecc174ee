#include "gyre/tests/conformance/descriptor_limit.h"

#include <fcntl.h>

#include <chrono>
#include <system_error>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/io/pipe.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A limit below all numbers that are in use: no descriptor can be had.
constexpr rlim_t none = 3;

GYRE_TEST(descriptor_limit, an_accept_without_a_descriptor_to_give_says_so_and_recovers) {
  tcp_listener listener = listen_on_loopback();
  auto client = (co_await tcp_stream::connect(listener.local().value())).value();
  {
    const descriptor_limit limit(none);
    for (int i = 0; i < 100; ++i) {
      const auto refused = co_await listener.accept();
      require(refused.error() == std::errc::too_many_files_open);
      EXPECT_EQ(advise_accept(refused.error()), accept_advice::pause);
    }
  }
  auto server = (co_await listener.accept()).value();
  EXPECT_EQ(server.peer().value(), client.local().value());
}

/// Accepts `wanted` connections, and pauses when no descriptor can be had.
task<> accept_patiently(tcp_listener& listener, int wanted, int& accepted, int& pauses) {
  while (accepted < wanted) {
    const auto stream = co_await listener.accept();
    if (stream) {
      ++accepted;
      continue;
    }
    require(advise_accept(stream.error()) == accept_advice::pause);
    ++pauses;
    (void)co_await sleep_for(1ms);
  }
}

/// Connects ten times to an acceptor that has no descriptor at first, or has.
task<> serve_ten(bool has_descriptors) {
  tcp_listener listener = listen_on_loopback();
  std::vector<tcp_stream> clients;
  for (int i = 0; i < 10; ++i)
    clients.push_back((co_await tcp_stream::connect(listener.local().value())).value());
  int accepted = 0;
  int pauses = 0;
  descriptor_limit limit(has_descriptors ? 1000 : none);
  const auto start = std::chrono::steady_clock::now();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(accept_patiently(listener, 10, accepted, pauses));
    (void)co_await sleep_for(10ms);
    EXPECT_EQ(accepted > 0, has_descriptors);
    EXPECT_LE(pauses, (std::chrono::steady_clock::now() - start) / 1ms + 1);
    limit.set(1000);
  });
  EXPECT_EQ(accepted, 10);
}

GYRE_TEST(descriptor_limit, an_acceptor_that_pauses_does_not_spin_and_serves_all_in_the_end) {
  co_await serve_ten(true);
  co_await serve_ten(false);
}

GYRE_TEST(descriptor_limit, whatever_makes_a_descriptor_fails_with_the_same_error) {
  tcp_listener listener = listen_on_loopback();
  const descriptor_limit limit(none);
  constexpr auto expected = std::errc::too_many_files_open;
  EXPECT_EQ((co_await tcp_stream::connect(listener.local().value())).error(), expected);
  EXPECT_EQ(tcp_listener::bind(endpoint::loopback_v4(0)).error(), expected);
  EXPECT_EQ(pipe::create(4096).error(), expected);
  EXPECT_EQ((co_await file::open("/dev/null", O_RDONLY)).error(), expected);
  EXPECT_EQ((co_await directory::open("/")).error(), expected);
}

}  // namespace
}  // namespace gyre::conformance
