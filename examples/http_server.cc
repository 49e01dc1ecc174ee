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

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <string>
#include <system_error>

#include "gyre/examples/http/server.h"
#include "gyre/examples/http/settings.h"
#include "gyre/examples/serving/command_line.h"
#include "gyre/runtime/latency_class.h"

namespace {

/// What is wrong with `root`, or nothing.
std::string refusal_of(const std::string& root) {
  struct stat about;
  if (stat(root.c_str(), &about) != 0)
    return "\"" + root + "\": " + std::generic_category().message(errno) + "; expected a directory";
  if (!S_ISDIR(about.st_mode)) return "\"" + root + "\" is not a directory: expected one";
  return {};
}

void add_limits(CLI::App& app, http::limits& limits) {
  app.add_option("--head-max", limits.head_max, "bytes of a request's head")
      ->check(CLI::Range(256, 31 << 10));
  app.add_option("--target-max", limits.target_max, "bytes of a request's URI")
      ->check(CLI::Range(16, 31 << 10));
  app.add_option("--body-max", limits.body_max, "bytes of a request's body")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--connections-max", limits.connections_max, "connections open at a time")
      ->check(CLI::Range(1, 1'000'000));
  serving::add_seconds(app, "--head-timeout", limits.head_time, "seconds for a head to come");
  serving::add_seconds(app, "--body-timeout", limits.body_time, "seconds for a body to come");
  serving::add_seconds(app, "--idle-timeout", limits.idle_time, "seconds between two requests");
  serving::add_seconds(app, "--write-timeout", limits.write_time,
                       "seconds until a client takes some bytes more");
  serving::add_seconds(app, "--drain", limits.drain_time,
                       "seconds to finish what is in progress on SIGTERM", 0);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves the files of a directory over HTTP/1.1", "http_server");
  http::settings settings;
  serving::add_options(app, settings);
  serving::add_cores(app, settings);
  app.add_option("--root", settings.root, "directory whose files are served")->check(refusal_of);
  app.add_option("--background-shares", settings.background_shares,
                 "shares of a core's time for listings, /metrics and /tasks, beside 100 for all "
                 "else; 0 is first come, first served")
      ->check(CLI::Range(0U, gyre::latency_class::shares_max));
  add_limits(app, settings.limits);
  if (const auto status = serving::parse(app, argc, argv)) return *status;
  serving::allow_connections(app, settings.limits.connections_max);
  return serving::run(app, [&] { http::server(settings).run(); });
}
