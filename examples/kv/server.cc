#include "gyre/examples/kv/server.h"

#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "gyre/examples/kv/connection.h"
#include "gyre/examples/kv/layout.h"
#include "gyre/io/signals.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"

namespace kv {
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
  const std::uint64_t commands = home.counters.commands;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "core %u: %llu commands in %llu rounds on %llu connections; %.4f syscalls a command\n",
      home.number, number(commands), number(home.counters.rounds), number(home.counters.accepted),
      static_cast<double>(loop.kernel().counters().syscalls) /
          static_cast<double>(commands > 0 ? commands : 1));
  for (const auto& each : home.shards) {
    const shard_facts facts = each->facts();
    std::printf(
        "shard %u: %zu keys, log %llu bytes; %llu records in %llu groups, %llu compactions\n",
        facts.number, facts.keys, number(facts.log_bytes), number(facts.log.records),
        number(facts.log.groups), number(facts.log.compactions));
  }
  std::fputs(loop.kernel().report().text().c_str(), stdout);
}

}  // namespace

server::server(const kv::settings& settings)
    : settings_(settings),
      not_open_(settings.run.cores),
      not_finished_(settings.run.cores),
      not_ended_(settings.run.cores) {
  const unsigned count = settings.run.cores;
  for (unsigned number = 0; number < count; ++number)
    all_.push_back(std::make_unique<core>(*this, number, settings_,
                                          (settings.limits.connections_max + count - 1) / count));
}

void server::run() {
  gyre::run_on_cores(settings_.run, [this](gyre::cores& cores, unsigned number) {
    if (number == 0) cores_ = &cores;
    return serve(*all_[number]);
  });
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
  co_await open_shards(home);
  arrive(not_open_, &core::opened);
  const auto all_open = co_await home.opened.wait();
  if (!all_open) co_return;
  co_await gyre::with_scope([&](gyre::scope& logs) -> gyre::task<> {
    for (const auto& each : home.shards) logs.spawn(each->write_log());
    co_await gyre::with_scope([&](gyre::scope& upkeep) -> gyre::task<> {
      for (const auto& each : home.shards) upkeep.spawn(each->keep_small());
      co_await serve_clients(home);
      // Other cores' clients may still want something of the shards here.
      arrive(not_finished_, &core::all_finished);
      (void)co_await home.all_finished.wait();
      upkeep.request_stop();
    });
    for (const auto& each : home.shards) each->close();
  });
  if (settings_.stats) print_stats(home);
  arrive(not_ended_, &core::all_ended);
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
    fail("--shards is " + std::to_string(settings_.shards) + ", but \"" + settings_.directory +
         "\" has " + std::to_string(shards_.count()) + ": expected that number, or none");
  cores_->post_to_each([this](unsigned each) { all_[each]->laid_out.set(); });
}

void server::arrive(std::atomic<unsigned>& missing, gyre::event core::* everywhere) {
  if (missing.fetch_sub(1) > 1) return;
  cores_->post_to_each([this, everywhere](unsigned each) { ((*all_[each]).*everywhere).set(); });
}

gyre::task<> server::serve_clients(core& home) {
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
      home.room.reset();
      const auto room = co_await home.room.wait();
      if (!room) co_return;
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
      if (!std::exchange(said, true))
        std::fprintf(stderr, "kv_server: accepting pauses: %s\n", stream.error().message().c_str());
      const auto paused = co_await gyre::sleep_for(10ms);
      if (!paused) co_return;
    }
  }
}

/// The first signal lets what is in progress end, the second ends it.
gyre::task<> server::obey_signals() {
  auto signals = gyre::signals::create({SIGTERM, SIGINT});
  if (!signals) fail("signalfd failed: " + signals.error().message());
  const auto first = co_await signals->next();
  if (!first) co_return;
  cores_->post_to_each([this](unsigned each) { all_[each]->stopping.set(); });
  const auto second = co_await signals->next();
  if (!second) co_return;
  cores_->post_to_each([this](unsigned each) { all_[each]->finished.set(); });
}

}  // namespace kv
