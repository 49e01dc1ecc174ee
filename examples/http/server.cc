#include "gyre/examples/http/server.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <utility>

#include "gyre/examples/http/connection.h"
#include "gyre/examples/serving/stats.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/loop.h"

namespace http {
namespace {

void print_stats(const core& home) {
  std::uint64_t answers = 0;
  for (const std::uint64_t count : home.counters.answers) answers += count;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  const auto syscalls = static_cast<double>(gyre::loop::current().kernel().counters().syscalls);
  std::printf(
      "core %u: %llu requests on %llu connections, %llu bytes in, %llu out; %.4f syscalls a "
      "request, %s",
      home.number, number(answers), number(home.accepting.counters().accepted),
      number(home.counters.received_bytes), number(home.counters.sent_bytes),
      syscalls / static_cast<double>(answers > 0 ? answers : 1), serving::loop_stats().c_str());
}

}  // namespace

server::server(const settings& settings)
    : settings_(settings),
      connections_(settings.limits.connections_max),
      port_(settings.run.cores) {
  if (!types_.load("/etc/mime.types")) types_ = mime_types();
  const unsigned count = settings.run.cores;
  gyre::server_options options = serving::accept_options(
      "http_server", settings.limits.connections_max, settings.limits.drain_time);
  options.permits = &connections_;
  for (unsigned number = 0; number < count; ++number)
    all_.push_back(std::make_unique<core>(*this, number, settings.limits, types_, options));
}

void server::run() {
  serving::run_until_signalled(
      settings_.run,
      [this](gyre::cores& cores, unsigned number) {
        if (number == 0) cores_ = &cores;
        return serve(cores, *all_[number]);
      },
      [this](unsigned number) { drain(*all_[number]); },
      [this](unsigned number) { all_[number]->accepting.stop(); });
  if (settings_.stats) serving::print_quirks();
}

/// The main task of each core.
gyre::task<> server::serve(gyre::cores& cores, core& home) {
  auto root = co_await gyre::directory::open(settings_.root);
  if (!root)
    throw std::runtime_error("--root is \"" + settings_.root + "\", which can't be served: " +
                             root.error().message() + "; expected a directory");
  home.files.emplace(*std::move(root));
  std::optional<gyre::latency_class> background;
  if (settings_.background_shares > 0)
    home.background = &background.emplace("background", settings_.background_shares);
  gyre::tcp_listener listener = co_await port_.listen(cores, home.number, settings_.local);
  const auto ended = co_await home.accepting.serve(
      std::move(listener),
      [&home](gyre::tcp_stream stream) { return serve_connection(home, std::move(stream)); });
  serving::check_end(ended);
  if (settings_.stats) print_stats(home);
}

/// Lets what is in progress end. Who comes at this very moment looks at `draining`.
void server::drain(core& home) noexcept {
  home.accepting.drain();
  for (connection* each = home.connections; each; each = each->next()) each->drain();
}

}  // namespace http
