#include "gyre/examples/chat/server.h"

#include <cstdint>
#include <cstdio>
#include <utility>

#include "gyre/examples/chat/hall.h"
#include "gyre/examples/chat/session.h"
#include "gyre/examples/serving/cores.h"
#include "gyre/examples/serving/stats.h"
#include "gyre/net/server.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"

namespace chat {
namespace {

/// Until all have left who were there at the first signal.
gyre::task<> serve_members(hall& hall) {
  const settings& settings = hall.settings();
  gyre::server server(serving::accept_options("chat_server", settings.limits.members_max,
                                              settings.limits.drain_time));
  const auto drain = [&] {
    server.drain();
    hall.shut_down();
  };
  co_await gyre::with_scope([&](gyre::scope& beside) -> gyre::task<> {
    gyre::tcp_listener listener = serving::listen(settings.local);
    serving::announce(listener);
    beside.spawn(serving::obey_signals(drain, [&] { server.stop(); }));
    const auto ended = co_await server.serve(std::move(listener), [&hall](gyre::tcp_stream stream) {
      return serve(std::move(stream), hall);
    });
    serving::check_end(ended);
    beside.request_stop();
  });
}

void print_stats(const counters& counters) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu connections, %llu lines said, %llu delivered, %llu missed, %llu readers too slow; %s",
      number(counters.connections), number(counters.posted), number(counters.delivered),
      number(counters.missed), number(counters.disconnected), serving::loop_stats().c_str());
}

}  // namespace

gyre::task<> serve(const settings& settings) {
  // The rooms outlive the members, who leave them at their end.
  co_await gyre::with_scope([&](gyre::scope& rooms) -> gyre::task<> {
    hall hall(settings, rooms);
    co_await serve_members(hall);
    if (settings.stats) print_stats(hall.counters);
  });
}

}  // namespace chat
