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
#include <string>

#include "gyre/examples/chat/server.h"
#include "gyre/examples/chat/settings.h"
#include "gyre/examples/serving/command_line.h"
#include "gyre/io/run.h"

namespace {

void add_limits(CLI::App& app, chat::settings& settings) {
  chat::limits& limits = settings.limits;
  app.add_option("--queue", limits.queue_max, "lines that may wait for one member to read them")
      ->check(CLI::Range(1, 1'000'000));
  const auto set_slow = [&settings](const std::string& policy) {
    settings.slow_reader = policy == "miss" ? chat::slow_reader::misses : chat::slow_reader::leaves;
  };
  app.add_option_function<std::string>("--slow", set_slow,
                                       "what happens to who reads too slowly: disconnect or miss")
      ->check(CLI::IsMember({"disconnect", "miss"}))
      ->default_str("disconnect");
  app.add_option("--line-max", limits.line_max, "bytes of a line")->check(CLI::Range(16, 1 << 20));
  app.add_option("--members-max", limits.members_max, "members connected at a time")
      ->check(CLI::Range(1, 1'000'000));
  serving::add_seconds(app, "--write-timeout", limits.write_time,
                       "seconds until a member takes some bytes more");
  serving::add_seconds(app, "--drain", limits.drain_time, "seconds to write what waits on SIGTERM",
                       0);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A chat with rooms, for nc and telnet", "chat_server");
  chat::settings settings;
  serving::add_options(app, settings);
  add_limits(app, settings);
  if (const auto status = serving::parse(app, argc, argv)) return *status;
  serving::allow_connections(app, settings.limits.members_max);
  return serving::run(app, [&] { gyre::run(chat::serve(settings), settings.run); });
}
