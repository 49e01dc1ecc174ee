#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include "gyre/tests/http/server_process.h"

namespace kv {
namespace {

/// What a program printed, and its exit status.
std::pair<std::string, int> run(const std::string& line) {
  std::string printed;
  FILE* const out = popen((line + " 2>&1").c_str(), "r");
  std::array<char, 4096> piece;
  while (const std::size_t count = fread(piece.data(), 1, piece.size(), out))
    printed.append(piece.data(), count);
  const int status = pclose(out);
  return {printed, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

class redis_tools : public testing::TestWithParam<const char*> {
 protected:
  redis_tools()
      : server({"--dir", place.path() + "/data", "--backend", GetParam(), "--cores", "2"},
               "kv_server") {}
  ~redis_tools() override {
    server.send_signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(server.errors(), "");
  }

  std::string with(const std::string& program) const {
    return "timeout 60 " + program + " -p " + std::to_string(server.port()) + " ";
  }
  std::string cli(const std::string& arguments) const {
    const auto [printed, status] = run(with("redis-cli --no-raw") + arguments);
    EXPECT_EQ(status, 0) << "redis-cli, of the package redis-tools: " << printed;
    return printed;
  }

  const http::temporary_directory place;
  http::server_process server;
};
INSTANTIATE_TEST_SUITE_P(backend, redis_tools, testing::Values("uring", "epoll", "threads"));

TEST_P(redis_tools, redis_cli_does_what_a_person_types) {
  EXPECT_EQ(cli("ping"), "PONG\n");
  EXPECT_EQ(cli("set greeting 'hello, world' ex 1000"), "OK\n");
  EXPECT_EQ(cli("get greeting"), "\"hello, world\"\n");
  EXPECT_EQ(cli("incr counter"), "(integer) 1\n");
  EXPECT_EQ(cli("expire counter 100"), "(integer) 1\n");
  EXPECT_EQ(cli("mget greeting none counter"), "1) \"hello, world\"\n2) (nil)\n3) \"1\"\n");
  EXPECT_EQ(cli("del greeting none"), "(integer) 1\n");
  EXPECT_NE(cli("info").find("total_commands_processed:"), std::string::npos);
  // As at a terminal: it asks for the commands that there are, and for a newer protocol.
  const auto [printed, status] =
      run("printf 'set a 1\\nincr a\\nwhat\\n' | " + with("redis-cli -3"));
  EXPECT_EQ(status, 0);
  EXPECT_NE(printed.find("OK\n2\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("unknown command 'what'"), std::string::npos) << printed;
}

TEST_P(redis_tools, redis_benchmark_runs_through) {
  const auto [printed, status] =
      run(with("redis-benchmark") + "-t ping,set,get,incr -n 2000 -c 20 -P 8 -r 100 -q");
  EXPECT_EQ(status, 0) << printed;
  for (const char* each : {"PING_INLINE: ", "PING_MBULK: ", "SET: ", "GET: ", "INCR: "})
    EXPECT_NE(printed.find(each), std::string::npos) << printed;
  for (const char* each : {"rror", "WARNING"})
    EXPECT_EQ(printed.find(each), std::string::npos) << printed;
}

}  // namespace
}  // namespace kv
