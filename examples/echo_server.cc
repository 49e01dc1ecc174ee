// Sends back what it gets.
//
//     bazel run -c opt //examples:echo_server -- --port 7000 --cores 2 --stats
//
// SIGTERM or SIGINT ends it: connections are closed, and with --stats each loop says what it did.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/quirks.h"
#include "gyre/io/run.h"
#include "gyre/io/signals.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"

namespace {

using namespace std::chrono_literals;

class settings {
 public:
  settings() noexcept {}
  gyre::endpoint local;
  bool stats = false;
  gyre::run_options run;
};

/// What belongs to one core.
class core_state {
 public:
  gyre::event port_known;
  gyre::event stopping;
  std::uint64_t messages = 0;
};

/// What belongs to all of them. The port is written by the first before the others look.
class server_state {
 public:
  explicit server_state(std::size_t cores) : cores(cores) {}
  std::vector<core_state> cores;
  std::uint16_t port = 0;
  bool failed = false;
};

gyre::task<> echo(gyre::tcp_stream stream, std::uint64_t& messages) {
  std::array<std::byte, 16384> buffer;
  if (!stream.set_no_delay(true)) co_return;
  while (auto got = co_await stream.read_some(buffer)) {
    if (*got == 0) break;
    if (!co_await stream.write_all(std::span(buffer).first(*got))) break;
    ++messages;
  }
}

gyre::task<> accept_all(gyre::scope& connections, gyre::tcp_listener& listener, core_state& core) {
  while (true) {
    auto stream = co_await listener.accept();
    if (stream) {
      connections.spawn(echo(*std::move(stream), core.messages));
      continue;
    }
    const auto advice = gyre::advise_accept(stream.error());
    if (advice == gyre::accept_advice::give_up) co_return;
    if (advice == gyre::accept_advice::pause && !co_await gyre::sleep_for(10ms)) co_return;
  }
}

gyre::task<> stop_on_signal(gyre::cores& cores, server_state& state) {
  auto signals = gyre::signals::create({SIGTERM, SIGINT});
  if (!signals || !co_await signals->next()) co_return;
  cores.post_to_each([&state](unsigned core) { state.cores[core].stopping.set(); });
}

/// The first core takes the port, the others share it: the kernel spreads connections over them.
gyre::task<std::optional<gyre::tcp_listener>> listen(gyre::cores& cores, unsigned core,
                                                     const settings& settings,
                                                     server_state& state) {
  gyre::endpoint local = settings.local;
  gyre::listen_options options;
  options.reuse_port = cores.count() > 1;
  if (core > 0) {
    (void)co_await state.cores[core].port_known.wait();
    if (state.failed) co_return std::nullopt;
    local.set_port(state.port);
  }
  auto listener = gyre::tcp_listener::bind(local, options);
  if (!listener) {
    std::fprintf(stderr, "echo_server: can't listen on %s: %s\n", local.to_string().c_str(),
                 listener.error().message().c_str());
    state.failed = true;
  } else if (core == 0) {
    state.port = listener->local().value().port();
    std::printf("listening on %s\n", listener->local().value().to_string().c_str());
    std::fflush(stdout);
  }
  if (core == 0)
    cores.post_to_each([&state](unsigned each) { state.cores[each].port_known.set(); });
  if (!listener) co_return std::nullopt;
  co_return *std::move(listener);
}

void print_stats(unsigned core, const core_state& state) {
  gyre::loop& loop = gyre::loop::current();
  const auto& kernel = loop.kernel().counters();
  const auto messages = static_cast<double>(std::max<std::uint64_t>(state.messages, 1));
  std::printf(
      "core %u: %llu messages, %.4f syscalls a message, %llu turns, %llu frames from the "
      "heap\n%s%s",
      core, static_cast<unsigned long long>(state.messages),
      static_cast<double>(kernel.syscalls) / messages,
      static_cast<unsigned long long>(loop.counters().turns),
      static_cast<unsigned long long>(gyre::frame_pool::heap_allocations()),
      loop.metrics().text().c_str(), loop.kernel().report().text().c_str());
}

gyre::task<> serve(gyre::cores& cores, unsigned core, const settings& settings,
                   server_state& state) {
  auto listener = co_await listen(cores, core, settings, state);
  if (!listener) co_return;
  core_state& mine = state.cores[core];
  co_await gyre::with_scope([&](gyre::scope& connections) -> gyre::task<> {
    if (core == 0) connections.spawn(stop_on_signal(cores, state));
    connections.spawn(accept_all(connections, *listener, mine));
    (void)co_await mine.stopping.wait();
    connections.request_stop();
  });
  if (settings.stats) print_stats(core, mine);
}

void print_quirks() {
  std::string names;
  for (const std::string_view each : gyre::quirks_here()) names.append(" ").append(each);
  std::printf("quirks of this kernel (docs/quirks.md):%s\n",
              names.empty() ? " none" : names.c_str());
}

int run(settings settings, unsigned cores) {
  settings.run.cores = cores;
  gyre::block_signals({SIGTERM, SIGINT, SIGPIPE});
  server_state state(cores);
  gyre::run_on_cores(settings.run, [&](gyre::cores& cores, unsigned core) {
    return serve(cores, core, settings, state);
  });
  if (settings.stats) print_quirks();
  return state.failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends back what it gets");
  std::string host = "127.0.0.1";
  std::string backend = "auto";
  std::uint16_t port = 0;
  unsigned cores = 1;
  unsigned spin_us = 0;
  settings settings;
  app.add_option("--host", host, "address to listen on")->capture_default_str();
  app.add_option("--port", port, "port to listen on; 0 takes a free one")->capture_default_str();
  app.add_option("--backend", backend, std::string(gyre::backend_names))->capture_default_str();
  app.add_option("--cores", cores, "loops, one thread each")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--spin", spin_us, "microseconds to look for work before sleeping")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_flag("--stats", settings.stats, "say at the end what each loop did");
  CLI11_PARSE(app, argc, argv);

  const auto local = gyre::endpoint::parse(host, port);
  const auto choice = gyre::parse_backend(backend);
  if (!local || !choice) {
    std::fprintf(stderr, "echo_server: %s is \"%s\": expected %s\n", local ? "--backend" : "--host",
                 local ? backend.c_str() : host.c_str(),
                 local ? std::string(gyre::backend_names).c_str() : "an IP address");
    return 2;
  }
  settings.local = *local;
  settings.run.backend = *choice;
  settings.run.uring.spin = std::chrono::microseconds(spin_us);
  try {
    return run(settings, cores);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "echo_server: %s\n", failure.what());
    return 1;
  }
}
