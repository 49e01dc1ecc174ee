// A chat: members connect with nc or telnet, join rooms and hear what is said there.
//
//     bazel run -c opt //examples:chat_server -- --port 7000
//
// Nobody waits for a slow reader: whoever is more than --queue lines behind is disconnected, or
// with --slow misses lines and is told how many. SIGTERM or SIGINT lets what waits be written, and
// ends the server; a second one ends it at once.
//
// Where to begin reading: chat/server.cc (listening, ending), then chat/session.cc (one member),
// then chat/hall.cc (rooms).

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "gyre/examples/chat/server.h"
#include "gyre/examples/chat/settings.h"
#include "gyre/io/run.h"
#include "gyre/io/signals.h"

namespace {

/// What was given as text, or in other units than `chat::settings` has.
class command_line {
 public:
  command_line() noexcept {}

  chat::settings settings;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string backend = "auto";
  std::string slow = "disconnect";
  double write_s = 30;
  double drain_s = 5;
};

void add_options(CLI::App& app, command_line& line) {
  chat::limits& limits = line.settings.limits;
  app.add_option("--host", line.host, "address to listen on");
  app.add_option("--port", line.port, "port to listen on; 0 takes a free one");
  app.add_option("--backend", line.backend, std::string(gyre::backend_names));
  app.add_option("--queue", limits.queue_max, "lines that may wait for one member to read them")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--slow", line.slow, "what happens to who reads too slowly: disconnect or miss")
      ->check(CLI::IsMember({"disconnect", "miss"}));
  app.add_option("--line-max", limits.line_max, "bytes of a line")->check(CLI::Range(16, 1 << 20));
  app.add_option("--members-max", limits.members_max, "members connected at a time")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--write-timeout", line.write_s, "seconds until a member takes some bytes more")
      ->check(CLI::Range(0.001, 86'400.0));
  app.add_option("--drain", line.drain_s, "seconds to write what waits on SIGTERM")
      ->check(CLI::Range(0.0, 86'400.0));
  app.add_flag("--stats", line.settings.stats, "say at the end what was done");
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

int complain(const std::string& sentence, int exit_status) {
  std::fprintf(stderr, "chat_server: %s\n", sentence.c_str());
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A chat with rooms, for nc and telnet", "chat_server");
  app.option_defaults()->always_capture_default();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command_line line;
  add_options(app, line);
  CLI11_PARSE(app, argc, argv);

  chat::settings& settings = line.settings;
  const auto local = gyre::endpoint::parse(line.host, line.port);
  if (!local)
    return complain("--host is \"" + line.host + "\": expected an IPv4 or IPv6 address", 2);
  const auto backend = gyre::parse_backend(line.backend);
  if (!backend)
    return complain("--backend is \"" + line.backend + "\": expected one of " +
                        std::string(gyre::backend_names),
                    2);
  settings.local = *local;
  settings.run.backend = *backend;
  settings.slow_reader =
      line.slow == "miss" ? chat::slow_reader::misses : chat::slow_reader::leaves;
  settings.limits.write_time = milliseconds(line.write_s);
  settings.limits.drain_time = milliseconds(line.drain_s);
  gyre::block_signals({SIGTERM, SIGINT, SIGPIPE});
  try {
    gyre::run(chat::serve(settings), settings.run);
  } catch (const std::exception& failure) {
    return complain(failure.what(), 1);
  }
  return 0;
}
