#include "gyre/examples/chat/server.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "gyre/examples/chat/hall.h"
#include "gyre/examples/chat/session.h"
#include "gyre/io/signals.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_timeout.h"

namespace chat {
namespace {

using namespace std::chrono_literals;

gyre::tcp_listener listen(const gyre::endpoint& local) {
  auto listener = gyre::tcp_listener::bind(local);
  if (!listener)
    throw std::runtime_error("can't listen on " + local.to_string() + ": " +
                             listener.error().message() +
                             "; expected a free port of this machine (--host, --port)");
  std::printf("listening on %s\n", listener->local().value().to_string().c_str());
  std::fflush(stdout);
  return *std::move(listener);
}

/// Who comes while there is no place waits in the kernel's queue.
gyre::task<> accept_all(gyre::tcp_listener& listener, hall& hall, gyre::scope& members) {
  while (auto place = co_await hall.places.acquire()) {
    auto stream = co_await listener.accept();
    if (stream) {
      members.spawn(serve(*std::move(stream), hall, *std::move(place)));
      continue;
    }
    const gyre::accept_advice advice = gyre::advise_accept(stream.error());
    if (advice == gyre::accept_advice::give_up) co_return;
    if (advice == gyre::accept_advice::pause && !co_await gyre::sleep_for(10ms)) co_return;
  }
}

gyre::task<> serve_members(hall& hall, gyre::signals& signals, gyre::scope& members) {
  gyre::tcp_listener listener = listen(hall.settings().local);
  co_await gyre::when_any(accept_all(listener, hall, members), signals.next());
  (void)co_await listener.close();
  hall.shut_down();
  (void)co_await gyre::with_timeout(gyre::when_any(hall.empty.wait(), signals.next()),
                                    hall.settings().limits.drain_time);
  members.request_stop();
}

void print_stats(const counters& counters) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu connections, %llu lines said, %llu delivered, %llu missed, %llu readers too slow\n%s",
      number(counters.connections), number(counters.posted), number(counters.delivered),
      number(counters.missed), number(counters.disconnected),
      gyre::loop::current().kernel().report().text().c_str());
}

}  // namespace

gyre::task<> serve(const settings& settings) {
  auto signals = gyre::signals::create({SIGTERM, SIGINT});
  if (!signals) throw std::runtime_error("signalfd failed: " + signals.error().message());
  // The rooms outlive the members, who leave them at their end.
  co_await gyre::with_scope([&](gyre::scope& rooms) -> gyre::task<> {
    hall hall(settings, rooms);
    co_await gyre::with_scope([&](gyre::scope& members) -> gyre::task<> {
      co_await serve_members(hall, *signals, members);
    });
    if (settings.stats) print_stats(hall.counters);
  });
}

}  // namespace chat
