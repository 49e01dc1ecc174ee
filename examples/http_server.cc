// Serves the files of a directory over HTTP/1.1.
//
//     bazel run -c opt //examples:http_server -- --port 8080 --root /usr/share/doc
//
// Besides files there are /plaintext, for load generators, /metrics, for Prometheus, and /tasks,
// which lists what each task waits for. SIGTERM or SIGINT lets what is in progress end, and ends
// the server; a second one ends it at once.
//
// Where to begin reading: http/server.cc (listening, accepting, ending), then http/connection.cc
// (one client), then http/exchange.cc (one request and its answer).

#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "gyre/examples/http/server.h"
#include "gyre/examples/http/settings.h"
#include "gyre/io/signals.h"

namespace {

/// What was given as text, or in other units than `http::settings` has.
class command_line {
 public:
  command_line() noexcept {}

  http::settings settings;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string backend = "auto";
  unsigned spin_us = 0;
  double head_s = 10;
  double body_s = 30;
  double idle_s = 60;
  double write_s = 30;
  double drain_s = 5;
};

void add_options(CLI::App& app, command_line& line) {
  http::settings& settings = line.settings;
  app.add_option("--host", line.host, "address to listen on");
  app.add_option("--port", line.port, "port to listen on; 0 takes a free one");
  app.add_option("--root", settings.root, "directory whose files are served");
  app.add_option("--backend", line.backend, std::string(gyre::backend_names));
  app.add_option("--cores", settings.run.cores, "loops, one thread each")
      ->check(CLI::Range(1, 1024));
  app.add_option("--spin", line.spin_us, "microseconds to look for work before sleeping")
      ->check(CLI::Range(0, 1'000'000));
  app.add_flag("--stats", settings.stats, "say at the end what each loop did");
}

void add_limits(CLI::App& app, command_line& line) {
  http::limits& limits = line.settings.limits;
  const auto seconds = CLI::Range(0.001, 86'400.0);
  app.add_option("--head-max", limits.head_max, "bytes of a request's head")
      ->check(CLI::Range(256, 31 << 10));
  app.add_option("--target-max", limits.target_max, "bytes of a request's URI")
      ->check(CLI::Range(16, 31 << 10));
  app.add_option("--body-max", limits.body_max, "bytes of a request's body")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--connections-max", limits.connections_max, "connections open at a time")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--head-timeout", line.head_s, "seconds for a head to come")->check(seconds);
  app.add_option("--body-timeout", line.body_s, "seconds for a body to come")->check(seconds);
  app.add_option("--idle-timeout", line.idle_s, "seconds between two requests")->check(seconds);
  app.add_option("--write-timeout", line.write_s, "seconds until a client takes some bytes more")
      ->check(seconds);
  app.add_option("--drain", line.drain_s, "seconds to finish what is in progress on SIGTERM")
      ->check(CLI::Range(0.0, 86'400.0));
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

/// What is wrong with the command line, or nothing; then `line.settings` is complete.
std::optional<std::string> settle(command_line& line) {
  http::settings& settings = line.settings;
  const auto local = gyre::endpoint::parse(line.host, line.port);
  if (!local) return "--host is \"" + line.host + "\": expected an IPv4 or IPv6 address";
  const auto backend = gyre::parse_backend(line.backend);
  if (!backend)
    return "--backend is \"" + line.backend + "\": expected one of " +
           std::string(gyre::backend_names);
  struct stat about;
  if (stat(settings.root.c_str(), &about) != 0)
    return "--root is \"" + settings.root + "\": " + std::generic_category().message(errno) +
           "; expected a directory";
  if (!S_ISDIR(about.st_mode))
    return "--root is \"" + settings.root + "\", which is not a directory: expected one";
  settings.local = *local;
  settings.run.backend = *backend;
  settings.run.uring.spin = std::chrono::microseconds(line.spin_us);
  settings.limits.head_time = milliseconds(line.head_s);
  settings.limits.body_time = milliseconds(line.body_s);
  settings.limits.idle_time = milliseconds(line.idle_s);
  settings.limits.write_time = milliseconds(line.write_s);
  settings.limits.drain_time = milliseconds(line.drain_s);
  return std::nullopt;
}

/// Connections are descriptors, and the usual limit of 1,024 is a matter of select(2), not of us.
void raise_descriptor_limit(http::limits& limits) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) getrlimit(RLIMIT_NOFILE, &descriptors);
  // One for each connection, and some for the files that are being sent.
  const std::size_t possible = descriptors.rlim_cur > 256 ? descriptors.rlim_cur - 128 : 128;
  if (possible >= limits.connections_max) return;
  std::fprintf(stderr, "http_server: RLIMIT_NOFILE (ulimit -n) allows %zu connections, not %zu\n",
               possible, limits.connections_max);
  limits.connections_max = possible;
}

int complain(const std::string& sentence, int exit_status) {
  std::fprintf(stderr, "http_server: %s\n", sentence.c_str());
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves the files of a directory over HTTP/1.1", "http_server");
  app.option_defaults()->always_capture_default();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command_line line;
  add_options(app, line);
  add_limits(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(std::string(error.what()) + " (see --help)", 2);
  }
  if (const auto wrong = settle(line)) return complain(*wrong, 2);
  raise_descriptor_limit(line.settings.limits);
  gyre::block_signals({SIGTERM, SIGINT, SIGPIPE});
  try {
    http::server(line.settings).run();
  } catch (const std::exception& failure) {
    return complain(failure.what(), 1);
  }
  return 0;
}
