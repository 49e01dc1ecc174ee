// Sends back what it gets.
//
//     bazel run -c opt //examples:echo_server -- --port 7000 --cores 2 --stats
//
// SIGTERM or SIGINT ends it: connections are closed, and with --stats each loop says what it did.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

#include "gyre/examples/serving/command_line.h"
#include "gyre/examples/serving/cores.h"
#include "gyre/examples/serving/settings.h"
#include "gyre/examples/serving/stats.h"
#include "gyre/net/server.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/loop.h"

namespace {

/// What belongs to one core.
class core_state {
 public:
  gyre::server server;
  std::uint64_t messages = 0;
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

void print_stats(unsigned core, std::uint64_t messages) {
  const auto syscalls = static_cast<double>(gyre::loop::current().kernel().counters().syscalls);
  std::printf("core %u: %llu messages, %.4f syscalls a message, %s", core,
              static_cast<unsigned long long>(messages),
              syscalls / static_cast<double>(std::max<std::uint64_t>(messages, 1)),
              serving::loop_stats().c_str());
}

/// The main task of each core.
gyre::task<> serve(core_state& mine, gyre::tcp_listener listener) {
  const auto ended = co_await mine.server.serve(
      std::move(listener),
      [&mine](gyre::tcp_stream stream) { return echo(std::move(stream), mine.messages); });
  serving::check_end(ended);
}

void serve_on_cores(const serving::settings& settings) {
  std::vector<core_state> state(settings.run.cores);
  serving::shared_port port(settings.run.cores);
  const auto stop = [&](unsigned core) { state[core].server.stop(); };
  serving::run_until_signalled(
      settings.run,
      [&](gyre::cores& cores, unsigned core) -> gyre::task<> {
        co_await serve(state[core], co_await port.listen(cores, core, settings.local));
        if (settings.stats) print_stats(core, state[core].messages);
      },
      stop, stop);
  if (settings.stats) serving::print_quirks();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends back what it gets", "echo_server");
  serving::settings settings;
  serving::add_options(app, settings);
  serving::add_cores(app, settings);
  if (const auto status = serving::parse(app, argc, argv)) return *status;
  return serving::run(app, [&] { serve_on_cores(settings); });
}
