#include "gyre/benchmarks/load/options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <map>

namespace gyre::load {
namespace {

// Memory for the messages in flight; more than this is a slip, not a benchmark.
constexpr std::size_t message_bytes_max = std::size_t{1} << 30;

// Fewer than the ports that one client address has, so that connecting never runs dry.
constexpr int connections_max = 20'000;

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

void resolve(options& o) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(o.address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(o.address);
  if (inet_pton(AF_INET, o.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<in_port_t>(o.port));
    o.address_size = sizeof v4;
  } else if (inet_pton(AF_INET6, o.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<in_port_t>(o.port));
    o.address_size = sizeof v6;
  } else {
    throw CLI::ValidationError("--host", o.host + ": expected an IPv4 or IPv6 address");
  }
  if (!is_loopback(o.address) && !o.remote) {
    throw CLI::ValidationError(
        "--host", o.host + " is not this machine: say --remote to load another one, with consent");
  }
}

void add_connection_options(CLI::App& app, options& o) {
  app.add_option("--host", o.host, "address of the server")->capture_default_str();
  app.add_flag("--remote", o.remote, "allow a --host that is not this machine");
  app.add_option("--port", o.port, "port of the server")->required()->check(CLI::Range(1, 65535));
  app.add_option("--connections", o.connections, "connections kept busy")
      ->capture_default_str()
      ->check(CLI::Range(1, connections_max));
  app.add_option("--pace", o.pace, "connections that may wait for their first answer at once")
      ->capture_default_str()
      ->check(CLI::Range(1, connections_max));
}

void add_measurement_options(CLI::App& app, options& o) {
  app.add_option("--duration", o.duration_s, "seconds to measure")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  app.add_option("--warmup", o.warmup_s, "seconds under load before that")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 600.0));
  app.add_option("--cpu", o.cpu, "core to run on")->check(CLI::Range(0, 4095));
  app.add_flag("--spin", o.spin, "poll for answers without sleeping");
  const std::map<std::string, loop_kind> loops = {
      {"any", loop_kind::any}, {"uring", loop_kind::uring}, {"epoll", loop_kind::epoll}};
  app.add_option("--loop", o.loop, "uring, epoll, or any: uring where the kernel allows it")
      ->transform(CLI::CheckedTransformer(loops).description(""));
  app.add_option("--server-pid", o.server_pid, "process whose CPU time is measured as well")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", o.json, "write the report as JSON to this file, or - for stdout");
  app.add_flag("--progress", o.progress, "say on stderr how it goes, live on a terminal");
}

void add_modes(CLI::App& app, options& o) {
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App* echo = app.add_subcommand("echo", "send a message, wait until all of it came back");
  echo->add_option("--size", o.size, "bytes a message")
      ->capture_default_str()
      ->check(CLI::Range(1, 64 << 20));
  echo->callback([&o] { o.mode = mode::echo; });
  CLI::App* http = app.add_subcommand("http", "GET a path over HTTP/1.1 with keep-alive");
  http->add_option("--path", o.path, "path to get")->capture_default_str();
  http->add_option("--depth", o.depth, "pipelined requests in flight per connection")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  http->add_option("--status", o.status, "expected status; others are errors")
      ->capture_default_str()
      ->check(CLI::Range(200, 599));
  http->callback([&o] { o.mode = mode::http; });
}

void check_together(options& o) {
  if (o.mode == mode::echo &&
      o.size > message_bytes_max / static_cast<std::size_t>(o.connections)) {
    throw CLI::ValidationError("--size", "connections times size is more than 1 GiB");
  }
  if (o.mode == mode::http &&
      (o.path.empty() || o.path[0] != '/' || o.path.find_first_of(" \r\n") != std::string::npos)) {
    throw CLI::ValidationError("--path", o.path + ": expected /... without spaces");
  }
  resolve(o);
}

}  // namespace

std::optional<options> parse_options(int argc, char** argv, int& exit_status) {
  options o;
  CLI::App app("Loads a server in a closed loop and reports throughput and latency.", "load");
  add_connection_options(app, o);
  add_measurement_options(app, o);
  add_modes(app, o);
  try {
    app.parse(argc, argv);
    check_together(o);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  return o;
}

}  // namespace gyre::load
