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

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "gyre/examples/kv/server.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/io/signals.h"

namespace {

/// What was given as text, or in other units than `kv::settings` has.
class command_line {
 public:
  command_line() noexcept {}

  kv::settings settings;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string backend = "auto";
  unsigned spin_us = 0;
  bool no_sync = false;
  double write_s = 30;
  double drain_s = 5;
};

void add_options(CLI::App& app, command_line& line) {
  kv::settings& settings = line.settings;
  kv::limits& limits = settings.limits;
  app.add_option("--host", line.host, "address to listen on");
  app.add_option("--port", line.port, "port to listen on; 0 takes a free one");
  app.add_option("--dir", settings.directory, "directory of the logs; made if need be")->required();
  app.add_option("--backend", line.backend, std::string(gyre::backend_names));
  app.add_option("--cores", settings.run.cores, "loops, one thread each")
      ->check(CLI::Range(1, 1024));
  app.add_option("--shards", settings.shards,
                 "parts that the keys of a new directory are divided into; 0 is one for each core")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--no-sync", line.no_sync, "reply before the disk has it; for comparison");
  app.add_option("--compact-min", settings.compact_min,
                 "bytes of a log, three quarters of them dead, that is written anew")
      ->check(CLI::Range(1 << 10, 1 << 30));
  app.add_option("--spin", line.spin_us, "microseconds to look for work before sleeping")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--value-max", limits.value_max, "bytes of a value")
      ->check(CLI::Range(64, 32 << 20));
  app.add_option("--connections-max", limits.connections_max, "connections open at a time")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--write-timeout", line.write_s, "seconds until a client takes its replies")
      ->check(CLI::Range(0.001, 86'400.0));
  app.add_option("--drain", line.drain_s, "seconds to finish what is in progress on SIGTERM")
      ->check(CLI::Range(0.0, 86'400.0));
  app.add_flag("--stats", settings.stats, "say at the end what each loop did");
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

/// What is wrong with the command line, or nothing; then `line.settings` is complete.
std::optional<std::string> settle(command_line& line) {
  kv::settings& settings = line.settings;
  const auto local = gyre::endpoint::parse(line.host, line.port);
  if (!local) return "--host is \"" + line.host + "\": expected an IPv4 or IPv6 address";
  const auto backend = gyre::parse_backend(line.backend);
  if (!backend)
    return "--backend is \"" + line.backend + "\": expected one of " +
           std::string(gyre::backend_names);
  if (settings.directory.empty()) return "--dir is empty: expected the path of a directory";
  settings.local = *local;
  settings.sync = !line.no_sync;
  settings.run.backend = *backend;
  settings.run.uring.spin = std::chrono::microseconds(line.spin_us);
  settings.limits.write_time = milliseconds(line.write_s);
  settings.limits.drain_time = milliseconds(line.drain_s);
  return std::nullopt;
}

/// Connections are descriptors, and the usual limit of 1,024 is a matter of select(2), not of us.
void raise_descriptor_limit(kv::limits& limits) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) getrlimit(RLIMIT_NOFILE, &descriptors);
  // One for each connection, and some for the logs.
  const std::size_t possible = descriptors.rlim_cur > 256 ? descriptors.rlim_cur - 128 : 128;
  if (possible >= limits.connections_max) return;
  std::fprintf(stderr, "kv_server: RLIMIT_NOFILE (ulimit -n) allows %zu connections, not %zu\n",
               possible, limits.connections_max);
  limits.connections_max = possible;
}

int complain(const std::string& sentence, int exit_status) {
  std::fprintf(stderr, "kv_server: %s\n", sentence.c_str());
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Keeps keys and values, for clients of Redis", "kv_server");
  app.option_defaults()->always_capture_default();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command_line line;
  add_options(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(std::string(error.what()) + " (see --help)", 2);
  }
  if (const auto wrong = settle(line)) return complain(*wrong, 2);
  raise_descriptor_limit(line.settings.limits);
  // Without SIGXFSZ a file that may not grow is an error of its write, as a full disk is.
  gyre::block_signals({SIGTERM, SIGINT, SIGPIPE, SIGXFSZ});
  try {
    kv::server(line.settings).run();
  } catch (const std::exception& failure) {
    return complain(failure.what(), 1);
  }
  return 0;
}
