#include "gyre/examples/http/server.h"

#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "gyre/examples/http/connection.h"
#include "gyre/io/quirks.h"
#include "gyre/io/signals.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"

namespace http {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void fail(const std::string& sentence) {
  throw std::runtime_error(sentence);
}

gyre::task<gyre::result<void>> wait_for(gyre::event& event) {
  co_return co_await event.wait();
}

void print_stats(const core& home) {
  gyre::loop& loop = gyre::loop::current();
  const gyre::backend_counters& kernel = loop.kernel().counters();
  std::uint64_t answers = 0;
  for (const std::uint64_t count : home.counters.answers) answers += count;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "core %u: %llu requests on %llu connections, %llu bytes in, %llu out; %.4f syscalls a "
      "request, %llu turns, %llu frames from the heap\n%s%s",
      home.number, number(answers), number(home.counters.accepted),
      number(home.counters.received_bytes), number(home.counters.sent_bytes),
      static_cast<double>(kernel.syscalls) / static_cast<double>(answers > 0 ? answers : 1),
      number(loop.counters().turns), number(gyre::frame_pool::heap_allocations()),
      loop.metrics().text().c_str(), loop.kernel().report().text().c_str());
}

void print_quirks() {
  std::string names;
  for (const std::string_view each : gyre::quirks_here()) names.append(" ").append(each);
  std::printf("quirks of this kernel (docs/quirks.md):%s\n",
              names.empty() ? " none" : names.c_str());
}

}  // namespace

server::server(const settings& settings) : settings_(settings), serving_(settings.run.cores) {
  if (!types_.load("/etc/mime.types")) types_ = mime_types();
  const unsigned count = settings.run.cores;
  for (unsigned number = 0; number < count; ++number)
    all_.push_back(std::make_unique<core>(*this, number, settings.limits, types_,
                                          (settings.limits.connections_max + count - 1) / count));
}

void server::run() {
  gyre::run_on_cores(settings_.run, [this](gyre::cores& cores, unsigned number) {
    if (number == 0) cores_ = &cores;
    return serve(*all_[number]);
  });
  if (settings_.stats) print_quirks();
}

/// The main task of each core.
gyre::task<> server::serve(core& home) {
  if (home.number > 0) co_return co_await serve_until_stopped(home);
  co_await gyre::with_scope([&](gyre::scope& beside) -> gyre::task<> {
    beside.spawn(obey_signals());
    co_await serve_until_stopped(home);
    // A second signal is for the other cores as well.
    (void)co_await home.all_ended.wait();
    beside.request_stop();
  });
}

gyre::task<> server::serve_until_stopped(core& home) {
  auto root = co_await gyre::directory::open(settings_.root);
  if (!root)
    fail("--root is \"" + settings_.root + "\", which can't be served: " + root.error().message() +
         "; expected a directory");
  home.files.emplace(*std::move(root));
  gyre::tcp_listener listener = co_await listen(home);
  co_await gyre::with_scope([&](gyre::scope& connections) -> gyre::task<> {
    connections.spawn(accept_all(home, listener, connections));
    (void)co_await home.stopping.wait();
    // A connection that is accepted at this very moment is not lost, but served.
    (void)co_await listener.close();
    home.room.set();
    (void)co_await home.accepted_all.wait();
    for (connection* each = home.connections; each; each = each->next()) each->drain();
    if (home.counters.open > 0)
      (void)co_await gyre::with_timeout(wait_for(home.finished), settings_.limits.drain_time);
    connections.request_stop();
  });
  report_end(home);
}

/// The first core takes the port, the others share it: the kernel spreads connections over them.
gyre::task<gyre::tcp_listener> server::listen(core& home) {
  gyre::endpoint local = settings_.local;
  gyre::listen_options options;
  options.reuse_port = settings_.run.cores > 1;
  if (home.number > 0) {
    (void)co_await home.port_known.wait();
    local.set_port(port_);
  }
  auto listener = gyre::tcp_listener::bind(local, options);
  if (!listener)
    fail("can't listen on " + local.to_string() + ": " + listener.error().message() +
         "; expected a free port of this machine (--host, --port)");
  if (home.number == 0) {
    const gyre::endpoint bound = listener->local().value();
    port_ = bound.port();
    cores_->post_to_each([this](unsigned each) { all_[each]->port_known.set(); });
    std::printf("listening on %s\n", bound.to_string().c_str());
    std::fflush(stdout);
  }
  co_return *std::move(listener);
}

gyre::task<> server::accept_all(core& home, gyre::tcp_listener& listener,
                                gyre::scope& connections) {
  co_await accept_until_stopped(home, listener, connections);
  home.accepted_all.set();
}

gyre::task<> server::accept_until_stopped(core& home, gyre::tcp_listener& listener,
                                          gyre::scope& connections) {
  bool said = false;
  while (!home.stopping.is_set()) {
    if (home.counters.open >= home.connections_max) {
      // Who comes now waits in the kernel's queue until somebody has gone.
      ++home.counters.accept_pauses;
      home.room.reset();
      if (!co_await home.room.wait()) co_return;
      continue;
    }
    auto stream = co_await listener.accept();
    if (stream) {
      ++home.counters.accepted;
      ++home.counters.open;  // from here on: the task has not run yet when the next one is accepted
      connections.spawn(serve_connection(home, *std::move(stream)));
      continue;
    }
    const gyre::accept_advice advice = gyre::advise_accept(stream.error());
    if (advice == gyre::accept_advice::give_up) co_return;
    if (advice == gyre::accept_advice::pause) {
      ++home.counters.accept_pauses;
      if (!std::exchange(said, true))
        std::fprintf(stderr, "http_server: accepting pauses: %s\n",
                     stream.error().message().c_str());
      if (!co_await gyre::sleep_for(10ms)) co_return;
    }
  }
}

/// The first signal lets what is in progress end, the second ends it.
gyre::task<> server::obey_signals() {
  auto signals = gyre::signals::create({SIGTERM, SIGINT});
  if (!signals) fail("signalfd failed: " + signals.error().message());
  if (!co_await signals->next()) co_return;
  cores_->post_to_each([this](unsigned each) { all_[each]->stopping.set(); });
  if (!co_await signals->next()) co_return;
  cores_->post_to_each([this](unsigned each) { all_[each]->finished.set(); });
}

void server::report_end(core& home) {
  if (settings_.stats) print_stats(home);
  if (serving_.fetch_sub(1) == 1)
    cores_->post_to_each([this](unsigned each) {
      if (each == 0) all_[0]->all_ended.set();
    });
}

}  // namespace http
