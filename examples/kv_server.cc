// Keeps keys and values, for clients of Redis.
//
//     bazel run -c opt //examples:kv_server -- --port 6379 --dir /var/tmp/kv --cores 2
//     redis-cli -p 6379 set greeting hello
//
// A reply to a change means that the change is on the disk. Each core has a part of the keys in
// memory, and a log of their changes: those that come while others are being written are written
// together. SIGTERM or SIGINT lets what is in progress end, and ends the server; a second one ends
// it at once. After kill -9, or a power failure, it goes on with all that it had replied to.
//
// Where to begin reading: kv/connection.cc (one client), then kv/shard.cc (the keys of a core),
// then kv/change_log.cc (how changes come to the disk).

#include <CLI/CLI.hpp>
#include <csignal>

#include "gyre/examples/kv/server.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/examples/serving/command_line.h"
#include "gyre/io/signals.h"

namespace {

void add_logs(CLI::App& app, kv::settings& settings) {
  app.add_option("--dir", settings.directory, "directory of the logs; made if need be")
      ->required()
      ->check([](const std::string& path) -> std::string {
        return path.empty() ? "it is empty: expected the path of a directory" : "";
      });
  app.add_option("--shards", settings.shards,
                 "parts that the keys of a new directory are divided into; 0 is one for each core")
      ->check(CLI::Range(0, 1024));
  app.add_flag("!--no-sync", settings.sync, "reply before the disk has it; for comparison");
  app.add_option("--compact-min", settings.compact_min,
                 "bytes of a log, three quarters of them dead, that is written anew")
      ->check(CLI::Range(1 << 10, 1 << 30));
}

void add_limits(CLI::App& app, kv::limits& limits) {
  app.add_option("--value-max", limits.value_max, "bytes of a value")
      ->check(CLI::Range(64, 32 << 20));
  app.add_option("--connections-max", limits.connections_max, "connections open at a time")
      ->check(CLI::Range(1, 1'000'000));
  serving::add_seconds(app, "--write-timeout", limits.write_time,
                       "seconds until a client takes its replies");
  serving::add_seconds(app, "--drain", limits.drain_time,
                       "seconds to finish what is in progress on SIGTERM", 0);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Keeps keys and values, for clients of Redis", "kv_server");
  kv::settings settings;
  serving::add_options(app, settings);
  serving::add_cores(app, settings);
  add_logs(app, settings);
  add_limits(app, settings.limits);
  if (const auto status = serving::parse(app, argc, argv)) return *status;
  serving::allow_connections(app, settings.limits.connections_max);
  // Without SIGXFSZ a file that may not grow is an error of its write, as a full disk is.
  gyre::block_signals({SIGXFSZ});
  return serving::run(app, [&] { kv::server(settings).run(); });
}
