#include "gyre/examples/kv/server.h"

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "gyre/examples/kv/connection.h"
#include "gyre/examples/kv/layout.h"
#include "gyre/examples/serving/stats.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"

namespace kv {
namespace {

void print_stats(const core& home) {
  const std::uint64_t commands = home.counters.commands;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "core %u: %llu commands in %llu rounds on %llu connections; %.4f syscalls a command\n",
      home.number, number(commands), number(home.counters.rounds), number(home.counters.accepted),
      static_cast<double>(gyre::loop::current().kernel().counters().syscalls) /
          static_cast<double>(commands > 0 ? commands : 1));
  for (const auto& each : home.shards) {
    const shard_facts facts = each->facts();
    std::printf(
        "shard %u: %zu keys, log %llu bytes; %llu records in %llu groups, %llu compactions\n",
        facts.number, facts.keys, number(facts.log_bytes), number(facts.log.records),
        number(facts.log.groups), number(facts.log.compactions));
  }
  std::printf("core %u: %s", home.number, serving::loop_stats().c_str());
}

}  // namespace

server::server(const kv::settings& settings)
    : settings_(settings),
      connections_(settings.limits.connections_max),
      port_(settings.run.cores),
      all_open_(settings.run.cores),
      all_finished_(settings.run.cores) {
  const unsigned count = settings.run.cores;
  gyre::server_options options = serving::accept_options(
      "kv_server", settings.limits.connections_max, settings.limits.drain_time);
  options.permits = &connections_;
  for (unsigned number = 0; number < count; ++number)
    all_.push_back(std::make_unique<core>(*this, number, settings_, options));
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
}

/// The main task of each core.
gyre::task<> server::serve(gyre::cores& cores, core& home) {
  co_await open_shards(home);
  all_open_.arrive(cores);
  const auto all_open = co_await all_open_.wait(home.number);
  if (!all_open) co_return;
  co_await gyre::with_scope([&](gyre::scope& logs) -> gyre::task<> {
    for (const auto& each : home.shards) logs.spawn(each->write_log());
    co_await gyre::with_scope([&](gyre::scope& upkeep) -> gyre::task<> {
      for (const auto& each : home.shards) upkeep.spawn(each->keep_small());
      co_await serve_clients(cores, home);
      // Other cores' clients may still want something of the shards here.
      all_finished_.arrive(cores);
      (void)co_await all_finished_.wait(home.number);
      upkeep.request_stop();
    });
    for (const auto& each : home.shards) each->close();
  });
  if (settings_.stats) print_stats(home);
}

/// Reads the logs of this core's shards, all cores at the same time.
gyre::task<> server::open_shards(core& home) {
  if (home.number == 0) {
    co_await lay_out(home);
  } else {
    const auto known = co_await home.laid_out.wait();
    if (!known) co_return;
    home.directory.emplace(co_await open_directory(settings_.directory));
  }
  for (unsigned number = home.number; number < shards_.count(); number += cores_->count()) {
    home.shards.push_back(std::make_unique<shard>(number, settings_, *home.directory));
    shard& opened = *home.shards.back();
    co_await opened.open(shards_.count());
    shards_.enter(number, opened);
  }
}

/// The first core makes the directory, if need be, before the others look.
gyre::task<> server::lay_out(core& home) {
  home.directory.emplace(co_await make_directory(settings_.directory));
  lock_directory(*home.directory, settings_.directory);
  const unsigned wanted = settings_.shards > 0 ? settings_.shards : settings_.run.cores;
  shards_.lay_out(*cores_, co_await make_logs(*home.directory, wanted));
  if (settings_.shards > 0 && settings_.shards != shards_.count())
    throw std::runtime_error("--shards is " + std::to_string(settings_.shards) + ", but \"" +
                             settings_.directory + "\" has " + std::to_string(shards_.count()) +
                             ": expected that number, or none");
  cores_->post_to_each([this](unsigned each) { all_[each]->laid_out.set(); });
}

gyre::task<> server::serve_clients(gyre::cores& cores, core& home) {
  gyre::tcp_listener listener = co_await port_.listen(cores, home.number, settings_.local);
  const auto ended = co_await home.accepting.serve(
      std::move(listener),
      [&home](gyre::tcp_stream stream) { return serve_connection(home, std::move(stream)); });
  serving::check_end(ended);
}

/// Lets what is in progress end. Who comes at this very moment looks at `draining`.
void server::drain(core& home) noexcept {
  home.accepting.drain();
  for (connection* each = home.connections; each; each = each->next()) each->drain();
}

}  // namespace kv
