#include "gyre/net/resolve.h"

#include <netdb.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "gyre/net/endpoint.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/pretended_hosts.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

GYRE_TEST(resolve, an_address_is_itself) {
  const auto v4 = (co_await resolve("127.0.0.1", 80)).value();
  EXPECT_EQ(v4, std::vector<endpoint>{endpoint::loopback_v4(80)});
  const auto v6 = (co_await resolve("::1", 443)).value();
  EXPECT_EQ(v6, std::vector<endpoint>{endpoint::loopback_v6(443)});
}

GYRE_TEST(resolve, this_machine_has_a_name) {
  const auto found = (co_await resolve("localhost", 8080)).value();
  EXPECT_TRUE(std::ranges::all_of(found, [](const endpoint& each) {
    return each == endpoint::loopback_v4(8080) || each == endpoint::loopback_v6(8080);
  }));
}

GYRE_TEST(resolve, the_order_of_addresses_is_kept) {
  std::vector<endpoint> expected;
  for (const char* each : {"127.0.0.2", "127.0.0.3", "127.0.0.1"})
    expected.push_back(endpoint::parse(each, 1).value());
  EXPECT_EQ((co_await resolve("several.test", 1)).value(), expected);
}

GYRE_TEST(resolve, a_host_that_is_not_found_is_an_error) {
  const auto missing = co_await resolve("missing.test", 1);
  EXPECT_EQ(missing.error(), resolver_errc::no_such_host);
  EXPECT_EQ(missing.error().message(), gai_strerror(EAI_NONAME));
  const auto silent = co_await resolve("silent.test", 1);
  EXPECT_EQ(silent.error(), resolver_errc::no_answer);
  EXPECT_NE(silent.error(), missing.error());
}

GYRE_TEST(resolve, a_family_is_asked_for) {
  resolve_options options;
  options.family = AF_INET;
  EXPECT_EQ((co_await resolve("127.0.0.1", 1, options)).value().size(), 1U);
  EXPECT_TRUE((co_await resolve("localhost", 1, options)).value().front().is_v4());
  EXPECT_EQ((co_await resolve("::1", 1, options)).error(), resolver_errc::wrong_family);
}

GYRE_TEST(resolve, what_must_be_an_address_is_not_looked_up) {
  resolve_options options;
  options.numeric = true;
  EXPECT_EQ((co_await resolve("::1", 1, options)).value().size(), 1U);
  EXPECT_EQ((co_await resolve("localhost", 1, options)).error(), resolver_errc::no_such_host);
  EXPECT_EQ((co_await resolve("127.0.0.256", 1, options)).error(), resolver_errc::no_such_host);
  EXPECT_EQ((co_await resolve("", 1, options)).error(), resolver_errc::no_such_host);
}

GYRE_TEST(resolve, a_name_is_not_cut_at_a_nul) {
  const auto refused = co_await resolve(std::string("localhost\0.test", 15), 1);
  EXPECT_EQ(refused.error(), resolver_errc::nul_in_host);
  EXPECT_EQ(refused.error(), std::errc::invalid_argument);
  EXPECT_NE(refused.error().message().find("NUL"), std::string::npos);
}

GYRE_TEST(resolve, a_stop_does_not_wait_for_a_name_server) {
  closed_gate gate;
  EXPECT_EQ((co_await with_timeout(resolve("gate.test", 1), 2ms)).error(), std::errc::timed_out);
  EXPECT_EQ(gate.ended(), 0);
  gate.open();
  EXPECT_EQ((co_await resolve("gate.test", 1)).value().size(), 1U);
}

GYRE_TEST(resolve, a_lookup_that_was_given_up_before_its_turn_is_not_made) {
  closed_gate gate;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 50; ++i)
      children.spawn([]() -> task<> {
        const auto found = co_await with_timeout(resolve("gate.test", 1), 5ms);
        EXPECT_EQ(found.error(), std::errc::timed_out);
      });
    co_return;
  });
  gate.open();
  // Its turn comes after theirs.
  EXPECT_EQ((co_await resolve("missing.test", 1)).error(), resolver_errc::no_such_host);
  EXPECT_LE(gate.begun(), 4);
}

GYRE_TEST(resolve, a_stream_connects_to_the_first_address_that_answers) {
  tcp_listener listener = listen_on_loopback();
  const std::uint16_t port = listener.local().value().port();
  tcp_stream client = (co_await tcp_stream::connect("several.test", port)).value();
  EXPECT_EQ(client.peer().value(), endpoint::loopback_v4(port));
  tcp_stream server = (co_await listener.accept()).value();
  EXPECT_EQ(server.peer().value(), client.local().value());
}

GYRE_TEST(resolve, a_stream_that_connects_to_no_address_is_an_error) {
  EXPECT_EQ((co_await tcp_stream::connect("missing.test", 1)).error(), resolver_errc::no_such_host);
  tcp_listener listener = listen_on_loopback();
  const std::uint16_t port = listener.local().value().port();
  (co_await listener.close()).value();
  EXPECT_EQ((co_await tcp_stream::connect("several.test", port)).error(),
            std::errc::connection_refused);
}

GYRE_TEST_STOPPED_ANYWHERE(resolve, a_stop_leaves_nothing) {
  tcp_listener listener = listen_on_loopback();
  (void)co_await resolve("missing.test", 1);
  (void)co_await tcp_stream::connect("several.test", listener.local().value().port());
}

}  // namespace
}  // namespace gyre::conformance
