#include "gyre/examples/serving/command_line.h"

#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string_view>

#include "gyre/io/signals.h"

namespace serving {
namespace {

using milliseconds = std::chrono::milliseconds;
using seconds = std::chrono::duration<double>;

int complain(const CLI::App& app, const std::string& sentence, int exit_status) {
  std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), sentence.c_str());
  return exit_status;
}

[[noreturn]] void refuse(std::string_view option, const std::string& value,
                         std::string_view expected) {
  throw CLI::ValidationError(
      std::string(option).append(" is \"" + value + "\": expected ").append(expected));
}

}  // namespace

void add_options(CLI::App& app, settings& settings) {
  app.option_defaults()->always_capture_default();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto set_host = [&settings](const std::string& text) {
    const auto parsed = gyre::endpoint::parse(text, settings.local.port());
    if (!parsed) refuse("--host", text, "an IPv4 or IPv6 address");
    settings.local = *parsed;
  };
  const auto set_port = [&settings](const std::uint16_t& port) { settings.local.set_port(port); };
  const auto set_backend = [&settings](const std::string& text) {
    const auto choice = gyre::parse_backend(text);
    if (!choice) refuse("--backend", text, std::string("one of ").append(gyre::backend_names));
    settings.run.backend = *choice;
  };
  app.add_option_function<std::string>("--host", set_host, "address to listen on")
      ->default_str(settings.local.address());
  app.add_option_function<std::uint16_t>("--port", set_port,
                                         "port to listen on; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->default_str("0");
  app.add_option_function<std::string>("--backend", set_backend, std::string(gyre::backend_names))
      ->default_str("auto");
  app.add_flag("--stats", settings.stats, "say at the end what each loop did");
}

void add_cores(CLI::App& app, settings& settings) {
  app.add_option("--cores", settings.run.cores, "loops, one thread each")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  const auto set_spin = [&settings](const unsigned& us) {
    settings.run.uring.spin = std::chrono::microseconds(us);
  };
  app.add_option_function<unsigned>("--spin", set_spin,
                                    "microseconds to look for work before sleeping")
      ->check(CLI::Range(0, 1'000'000))
      ->default_str("0");
}

void add_seconds(CLI::App& app, const std::string& name, milliseconds& span,
                 const std::string& description, double least) {
  const auto set = [&span](const double& given) {
    span = std::chrono::ceil<milliseconds>(seconds(given));
  };
  app.add_option_function<double>(name, set, description)
      ->check(CLI::Range(least, 86'400.0))
      ->default_str(CLI::detail::to_string(seconds(span).count()));
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(app, std::string(error.what()) + " (see --help)", 2);
  }
}

void allow_connections(const CLI::App& app, std::size_t& connections_max) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  // The usual limit of 1,024 is a matter of select(2), not of us.
  descriptors.rlim_cur = descriptors.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0) getrlimit(RLIMIT_NOFILE, &descriptors);
  // One for each connection, and some for files.
  const std::size_t possible = descriptors.rlim_cur > 256 ? descriptors.rlim_cur - 128 : 128;
  if (possible >= connections_max) return;
  std::fprintf(stderr, "%s: RLIMIT_NOFILE (ulimit -n) allows %zu connections, not %zu\n",
               app.get_name().c_str(), possible, connections_max);
  connections_max = possible;
}

int run(const CLI::App& app, const std::function<void()>& serve) {
  gyre::block_signals({SIGTERM, SIGINT, SIGPIPE});
  try {
    serve();
    return 0;
  } catch (const std::exception& failure) {
    return complain(app, failure.what(), 1);
  }
}

}  // namespace serving
