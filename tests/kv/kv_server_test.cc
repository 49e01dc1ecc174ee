#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/server_process.h"
#include "gyre/tests/io/sandbox.h"
#include "gyre/tests/kv/client.h"

namespace kv {
namespace {

using namespace std::chrono_literals;

/// A server on two cores, which can be started again on the same directory.
class kv_server : public testing::TestWithParam<const char*> {
 protected:
  kv_server() { start(); }
  ~kv_server() override = default;

  void start(std::vector<std::string> more = {}) {
    more.insert(more.end(),
                {"--dir", place.path() + "/data", "--backend", GetParam(), "--cores", "2"});
    server = std::make_unique<http::server_process>(more, "kv_server");
    EXPECT_NE(server->port(), 0);
  }
  void kill_and_restart(std::vector<std::string> more = {}) {
    server->send_signal(SIGKILL);
    EXPECT_EQ(server->wait(), -SIGKILL);
    start(std::move(more));
  }
  /// What it has said on standard error when it has ended well.
  std::string end() {
    server->send_signal(SIGTERM);
    EXPECT_EQ(server->wait(), 0);
    return server->errors();
  }
  void expect_good_end() { EXPECT_EQ(end(), ""); }
  std::uintmax_t log_bytes() const {
    return std::filesystem::file_size(place.path() + "/data/0.log") +
           std::filesystem::file_size(place.path() + "/data/1.log");
  }
  std::uint16_t port() const { return server->port(); }

  const http::temporary_directory place;
  std::unique_ptr<http::server_process> server;
};
INSTANTIATE_TEST_SUITE_P(backend, kv_server, testing::Values("uring", "epoll", "threads"));

TEST_P(kv_server, answers_commands) {
  client one(port());
  EXPECT_EQ(one.ask({"ping"}), "+PONG\r\n");
  EXPECT_EQ(one.ask({"GET", "a"}), "$-1\r\n");
  EXPECT_EQ(one.ask({"SET", "a", "1"}), "+OK\r\n");
  EXPECT_EQ(one.ask({"SET", "a", "2", "NX"}), "$-1\r\n");
  EXPECT_EQ(one.ask({"SET", "b", "2", "XX"}), "$-1\r\n");
  EXPECT_EQ(one.ask({"GET", "a"}), bulk("1"));
  EXPECT_EQ(one.ask({"INCR", "a"}), ":2\r\n");
  EXPECT_EQ(one.ask({"INCR", "new"}), ":1\r\n");
  EXPECT_EQ(one.ask({"INCRBY", "new", "-5"}), ":-4\r\n");
  EXPECT_EQ(one.ask({"SET", "text", std::string("x\0\r\n", 4)}), "+OK\r\n");
  EXPECT_EQ(one.ask({"MGET", "a", "none", "text"}),
            "*3\r\n" + bulk("2") + "$-1\r\n" + bulk(std::string_view("x\0\r\n", 4)));
  EXPECT_EQ(one.ask({"EXISTS", "a", "none", "a"}), ":2\r\n");
  EXPECT_EQ(one.ask({"DBSIZE"}), ":3\r\n");
  EXPECT_EQ(one.ask({"DEL", "a", "none", "new", "a"}), ":2\r\n");
  EXPECT_EQ(one.ask({"GET", "a"}), "$-1\r\n");
  const std::string info = one.ask({"INFO"});
  EXPECT_NE(info.find("\r\nbackend:" + std::string(GetParam()) + "\r\n"), std::string::npos)
      << info;
  EXPECT_NE(info.find("\r\nconnected_clients:1\r\n"), std::string::npos) << info;
  EXPECT_NE(info.find("\r\nshard1:core=1,keys="), std::string::npos) << info;
  EXPECT_NE(info.find("\r\ndb0:keys=1,expires=0\r\n"), std::string::npos) << info;
  EXPECT_EQ(one.ask({"QUIT"}), "+OK\r\n");
  EXPECT_EQ(one.receive(), "");
  expect_good_end();
}

TEST_P(kv_server, says_what_is_wrong_with_a_command_and_goes_on) {
  client one(port());
  one.ask({"SET", "text", "x"});
  EXPECT_EQ(one.ask({"NO\r\nSUCH"}), "-ERR unknown command 'NO??SUCH'\r\n");
  EXPECT_EQ(one.ask({"GET"}), "-ERR wrong number of arguments for 'GET'\r\n");
  EXPECT_EQ(one.ask({"INCR", "text"}), "-ERR value is not an integer or out of range\r\n");
  one.ask({"SET", "most", "9223372036854775807"});
  EXPECT_EQ(one.ask({"INCR", "most"}), "-ERR increment or decrement would overflow\r\n");
  EXPECT_EQ(one.ask({"SET", "a", "b", "NX", "XX"}), "-ERR syntax error\r\n");
  EXPECT_EQ(one.ask({"SET", "a", "b", "EX", "0"}), "-ERR invalid expire time in 'set' command\r\n");
  EXPECT_EQ(one.ask({"EXPIRE", "text", "9223372036854775807"}),
            "-ERR invalid expire time in 'expire' command\r\n");
  EXPECT_EQ(one.ask({"EXPIRE", "text", "soon"}),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(one.ask({"HELLO", "3"}), "-NOPROTO unsupported protocol version, expected 2\r\n");
  EXPECT_EQ(one.ask({"GET", "text"}), bulk("x"));
  // What can't be understood ends the connection, after what came before it was answered.
  one.send("PING\r\n*1\r\n+PING\r\nPING\r\n");
  EXPECT_EQ(one.receive(), "+PONG\r\n");
  EXPECT_EQ(one.receive(), "-ERR Protocol error: expected '$', got '+'\r\n");
  EXPECT_EQ(one.receive(), "");
  expect_good_end();
}

/// A client reads back what it has counted as the same text: so nothing is counted that would come
/// back as another.
TEST_P(kv_server, takes_for_a_number_only_what_it_would_write_itself) {
  client one(port());
  const std::string refused = "-ERR value is not an integer or out of range\r\n";
  for (const std::string_view text : {"000", "05", "-0", "-05", "+5", " 5", "5 ", "", "-", "0x5",
                                      "5.0", "9223372036854775808", "-9223372036854775809"}) {
    const std::string number(text);
    one.ask({"SET", "n", number});
    EXPECT_EQ(one.ask({"INCR", "n"}), refused) << number;
    EXPECT_EQ(one.ask({"DECR", "n"}), refused) << number;
    EXPECT_EQ(one.ask({"INCRBY", "n", "1"}), refused) << number;
    EXPECT_EQ(one.ask({"GET", "n"}), bulk(number));
    EXPECT_EQ(one.ask({"INCRBY", "other", number}), refused) << number;
    EXPECT_EQ(one.ask({"EXPIRE", "n", number}), refused) << number;
    EXPECT_EQ(one.ask({"SET", "n", "v", "EX", number}), refused) << number;
  }
  for (const std::string_view text : {"0", "5", "-5", "10", "9223372036854775807"}) {
    const std::string number(text);
    one.ask({"SET", "n", number});
    EXPECT_EQ(one.ask({"INCRBY", "n", "0"}), ":" + number + "\r\n");
  }
  one.ask({"SET", "n", "-9223372036854775808"});
  EXPECT_EQ(one.ask({"INCR", "n"}), ":-9223372036854775807\r\n");
  EXPECT_EQ(one.ask({"EXISTS", "other"}), ":0\r\n");
  expect_good_end();
}

TEST_P(kv_server, answers_a_pipeline_in_its_order_whatever_shards_it_is_for) {
  client one(port());
  std::string sent;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string key = "key" + std::to_string(i % 50);
    const std::string number = std::to_string(i);
    sent += command({"SET", key, number}) + "PING\r\n" + command({"GET", key}) +
            command({"MGET", key, "none", key}) + command({"DEL", key, "none"});
    expected += "+OK\r\n+PONG\r\n" + bulk(number) + "*3\r\n" + bulk(number) + "$-1\r\n" +
                bulk(number) + ":1\r\n";
  }
  one.send(sent);
  one.half_close();
  std::string received;
  for (std::string reply = one.receive(); !reply.empty(); reply = one.receive()) received += reply;
  EXPECT_TRUE(received == expected);
  expect_good_end();
}

TEST_P(kv_server, takes_large_values_and_gives_more_than_it_holds_at_a_time) {
  client one(port());
  const std::string value = http::pattern(1 << 20);
  std::vector<std::string> all = {"MGET"};
  for (int i = 0; i < 6; ++i) {
    all.push_back("large" + std::to_string(i));
    EXPECT_EQ(one.ask({"SET", all.back(), value}), "+OK\r\n");
  }
  std::string expected = "*6\r\n";
  for (int i = 0; i < 6; ++i) expected += bulk(value);
  one.send(command(all) + command(all) + "PING\r\n");
  EXPECT_TRUE(one.receive() == expected);
  EXPECT_TRUE(one.receive() == expected);
  EXPECT_EQ(one.receive(), "+PONG\r\n");
  EXPECT_EQ(one.ask({"SET", "a", value + "x"}),
            "-ERR Protocol error: invalid bulk length 1048577, expected 0 to 1048576\r\n");
  expect_good_end();
}

TEST_P(kv_server, serves_as_many_clients_as_it_may_whichever_core_they_come_to) {
  kill_and_restart({"--connections-max", "8"});
  std::vector<client> all;
  for (int i = 0; i < 8; ++i) {
    all.emplace_back(port());
    ASSERT_EQ(all.back().ask({"PING"}), "+PONG\r\n") << i;
  }
  client one_more(port());
  one_more.send("PING\r\n");
  const std::string info = all[0].ask({"INFO"});
  EXPECT_NE(info.find("\r\nconnected_clients:8\r\n"), std::string::npos) << info;
  all.pop_back();
  EXPECT_EQ(one_more.receive(), "+PONG\r\n");
  expect_good_end();
}

TEST_P(kv_server, keys_end_at_their_time_also_after_a_crash) {
  client before(port());
  before.ask({"SET", "short", "1", "PX", "40"});
  before.ask({"SET", "long", "1"});
  EXPECT_EQ(before.ask({"TTL", "long"}), ":-1\r\n");
  EXPECT_EQ(before.ask({"EXPIRE", "long", "1450"}), ":1\r\n");
  EXPECT_EQ(before.ask({"EXPIRE", "none", "1000"}), ":0\r\n");
  before.ask({"INCR", "long"});  // keeps it
  before.ask({"SET", "kept", "1", "EX", "1000"});
  EXPECT_EQ(before.ask({"PERSIST", "kept"}), ":1\r\n");
  before.ask({"SET", "past", "1"});
  EXPECT_EQ(before.ask({"EXPIRE", "past", "-1"}), ":1\r\n");
  while (before.ask({"GET", "short"}) != "$-1\r\n") continue;
  EXPECT_EQ(before.ask({"TTL", "short"}), ":-2\r\n");
  kill_and_restart();
  client after(port());
  EXPECT_EQ(after.ask({"MGET", "short", "past", "long", "kept"}),
            "*4\r\n$-1\r\n$-1\r\n" + bulk("2") + bulk("1"));
  EXPECT_EQ(after.ask({"TTL", "long"}).substr(0, 3), ":14");
  EXPECT_EQ(after.ask({"TTL", "kept"}), ":-1\r\n");
  expect_good_end();
}

/// What one client of a server that is going to be killed was told.
class writer {
 public:
  explicit writer(std::string name) : name_(std::move(name)) {}

  void send(client& to, int count) {
    std::string sent;
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(sent_++);
      sent += command({"SET", name_ + number, number}) + command({"INCR", name_});
    }
    to.send(sent);
  }
  /// False when no more replies come.
  bool hear(client& from) {
    if (from.receive() != "+OK\r\n") return false;
    ++set_;
    if (!from.receive().starts_with(":")) return false;
    ++incremented_;
    return true;
  }
  /// Whether a server that was started again has it all.
  void expect_all(client& restarted) {
    for (int i = 0; i < set_; ++i) restarted.send(command({"GET", name_ + std::to_string(i)}));
    for (int i = 0; i < set_; ++i)
      ASSERT_EQ(restarted.receive(), bulk(std::to_string(i)))
          << name_ << " lost " << i << " of " << set_;
    const std::string counter = restarted.ask({"INCRBY", name_, "0"});
    const int count = std::stoi(counter.substr(1));
    EXPECT_GE(count, incremented_);
    EXPECT_LE(count, sent_);
    // From here on with what is there.
    incremented_ = sent_ = set_ = count;
    restarted.send(command({"DEL", name_ + std::to_string(sent_)}));
    restarted.receive();
  }

 private:
  const std::string name_;
  int sent_ = 0;
  int set_ = 0;
  int incremented_ = 0;
};

TEST_P(kv_server, has_all_that_it_replied_to_after_kill_9) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 4; ++round) {
    writer one("one" + std::to_string(round) + "-");
    writer two("two" + std::to_string(round) + "-");
    {
      client first(port());
      client second(port());
      one.send(first, 500);
      two.send(second, 500);
      for (auto heard = random() % 400; heard > 0; --heard) ASSERT_TRUE(one.hear(first));
      server->send_signal(SIGKILL);
      // What has been replied to by now counts as well.
      while (one.hear(first)) continue;
      while (two.hear(second)) continue;
    }
    EXPECT_EQ(server->wait(), -SIGKILL);
    start({"--compact-min", "20000"});
    client restarted(port());
    one.expect_all(restarted);
    two.expect_all(restarted);
  }
}

TEST_P(kv_server, a_log_does_not_outgrow_what_is_in_it) {
  kill_and_restart({"--compact-min", "4096"});
  client one(port());
  std::string sent;
  for (int i = 0; i < 2000; ++i)
    sent += command({"SET", "key" + std::to_string(i % 7), "v" + std::to_string(i)});
  for (int again = 0; again < 3; ++again) {
    one.send(sent);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(one.receive(), "+OK\r\n");
  }
  // Compaction goes on beside: each write may be the one that makes it begin.
  while (log_bytes() > 16'384) ASSERT_EQ(one.ask({"SET", "key0", "v1995"}), "+OK\r\n");
  kill_and_restart();
  client after(port());
  EXPECT_EQ(after.ask({"DBSIZE"}), ":7\r\n");
  EXPECT_EQ(after.ask({"GET", "key0"}), bulk("v1995"));
  EXPECT_EQ(after.ask({"GET", "key6"}), bulk("v1994"));
  expect_good_end();
}

TEST_P(kv_server, holds_a_log_in_memory_that_nobody_has_synced_no_more_than_any_other) {
  kill_and_restart({"--no-sync", "--compact-min", "1073741824"});
  const std::string value = http::pattern(1 << 20);
  {
    client one(port());
    for (int i = 0; i < 96; ++i) ASSERT_EQ(one.ask({"SET", "key", value}), "+OK\r\n");
  }
  EXPECT_EQ(end(), "");
  const auto memory_of_start = [&](std::vector<std::string> options) {
    start(std::move(options));
    client one(port());
    EXPECT_EQ(one.ask({"DBSIZE"}), ":1\r\n");
    const std::size_t peak = server->memory_peak();
    EXPECT_EQ(end(), "");
    return peak;
  };
  const std::size_t unsynced = memory_of_start({"--no-sync", "--compact-min", "1073741824"});
  const std::size_t synced = memory_of_start({"--compact-min", "1073741824"});
  EXPECT_LT(synced, unsynced + (32U << 20));
}

TEST_P(kv_server, a_write_that_fails_is_the_last_one_until_it_is_started_again) {
  server->send_signal(SIGTERM);
  server->wait();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  start({"--shards", "0"});
  setrlimit(RLIMIT_FSIZE, &before);
  client one(port());
  std::string kept;
  std::string reply = "+OK\r\n";
  for (int i = 0; i < 200; ++i) {
    const std::string value = std::string(100, 'x') + std::to_string(i);
    reply = one.ask({"SET", "kept", value});
    if (reply != "+OK\r\n") break;
    kept = value;
  }
  const std::string refused = reply;
  EXPECT_NE(refused.find("write: File too large, errno 27"), std::string::npos) << refused;
  EXPECT_EQ(one.ask({"SET", "kept", "2"}), refused);
  EXPECT_EQ(one.ask({"DEL", "kept"}), refused);
  EXPECT_EQ(one.ask({"GET", "kept"}), refused) << "nobody knows what it is";
  EXPECT_EQ(one.ask({"GET", "none"}), "$-1\r\n");
  EXPECT_NE(one.ask({"INFO"}).find("log=IOERR"), std::string::npos);
  EXPECT_NE(end().find("has failed (write: File too large, errno 27)"), std::string::npos);
  start();
  client after(port());
  EXPECT_EQ(after.ask({"GET", "kept"}), bulk(kept));
  EXPECT_EQ(after.ask({"SET", "kept", "2"}), "+OK\r\n");
}

TEST_P(kv_server, a_sync_that_fails_is_the_last_one_and_what_it_was_for_is_not_there_until_then) {
  {
    client one(port());
    EXPECT_EQ(one.ask({"SET", "kept", "1"}), "+OK\r\n");
    EXPECT_EQ(one.ask({"SET", "ends", "1"}), "+OK\r\n");
  }
  EXPECT_EQ(end(), "");
  // A ring would not ask the filter.
  setenv("GYRE_WITHOUT", "fsync", 1);
  // A filter can't be taken off again, and holds for the thread that sets it: it gets its own.
  std::thread([&] {
    gyre::forbid({__NR_fdatasync}, EIO);
    start({"--shards", "2"});
  }).join();
  unsetenv("GYRE_WITHOUT");
  const std::string why = "has failed (fdatasync: Input/output error, errno 5)";
  client one(port());
  // Both keys' changes are lost, whether they share a log or not.
  const std::string refused = one.ask({"SET", "kept", "2"});
  EXPECT_TRUE(refused.starts_with("-IOERR ")) << refused;
  EXPECT_NE(refused.find(why), std::string::npos) << refused;
  EXPECT_TRUE(one.ask({"SET", "ends", "2", "PX", "20"}).starts_with("-IOERR "));
  const auto start_of_wait = std::chrono::steady_clock::now();
  const auto bytes = log_bytes();
  while (std::chrono::steady_clock::now() - start_of_wait < 40ms) {
    EXPECT_EQ(one.ask({"GET", "kept"}), refused) << "nobody knows what it is";
    EXPECT_EQ(one.ask({"SET", "kept", "3"}), refused);
    // That its time is over was never on the disk either.
    EXPECT_TRUE(one.ask({"GET", "ends"}).starts_with("-IOERR "));
  }
  EXPECT_EQ(log_bytes(), bytes) << "nothing more is written";
  const std::string said = end();
  EXPECT_NE(said.find("kv_server: the log of shard "), std::string::npos) << said;
  EXPECT_NE(said.find(why), std::string::npos) << said;
  start();
  client after(port());
  const std::string kept = after.ask({"GET", "kept"});
  EXPECT_TRUE(kept == bulk("1") || kept == bulk("2")) << kept;
  EXPECT_EQ(after.ask({"SET", "kept", "3"}), "+OK\r\n");
  expect_good_end();
}

TEST_P(kv_server, finishes_what_has_come_when_it_is_asked_to_end) {
  client one(port());
  std::string sent;
  for (int i = 0; i < 500; ++i) sent += command({"INCR", "counter" + std::to_string(i % 9)});
  one.send(sent + command({"GET", "half"}).substr(0, 9));
  EXPECT_EQ(one.receive(), ":1\r\n");
  server->send_signal(SIGTERM);
  int replies = 1;
  while (one.receive().starts_with(":")) ++replies;
  EXPECT_EQ(replies, 500);
  EXPECT_EQ(server->wait(), 0);
  EXPECT_EQ(server->errors(), "");
  start({"--stats"});
  client after(port());
  EXPECT_EQ(after.ask({"GET", "counter0"}), bulk("56"));
  server->send_signal(SIGTERM);
  EXPECT_EQ(server->wait(), 0);
  EXPECT_NE(server->output().find("shard 1: "), std::string::npos) << server->output();
  EXPECT_NE(server->output().find("\nrecv: "), std::string::npos) << server->output();
}

/// The only line of a server that must not start.
std::string complaint(std::vector<std::string> options) {
  http::server_process server(std::move(options), "kv_server");
  EXPECT_EQ(server.port(), 0);
  EXPECT_GT(server.wait(), 0);
  const std::string line = server.errors();
  EXPECT_TRUE(line.starts_with("kv_server: ")) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  return line;
}

TEST(starting, says_what_it_can_not_work_with) {
  const http::temporary_directory place;
  const auto refuses = [&](const std::string& directory, const std::string& part,
                           std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--dir", directory});
    const std::string line = complaint(std::move(more));
    EXPECT_NE(line.find(part), std::string::npos) << line;
  };
  refuses(place.path() + "/none/data", "/none/data\", which has no parent");
  refuses(place.write("file", ""), "/file\", which can't be opened: Not a directory");
  const std::string data = place.path() + "/data/";
  {
    http::server_process first({"--dir", data, "--cores", "2"}, "kv_server");
    client one(first.port());
    for (int i = 0; i < 100; ++i) one.ask({"SET", std::to_string(i), "value"});
    refuses(data, "which another kv_server uses");
  }
  refuses(data, "has 2: expected that number, or none", {"--shards", "3"});
  {
    // The number of shards stays, whatever the number of cores.
    http::server_process other({"--dir", data, "--cores", "3"}, "kv_server");
    client one(other.port());
    for (int i = 0; i < 100; ++i) EXPECT_EQ(one.ask({"GET", std::to_string(i)}), bulk("value"));
  }
  std::filesystem::resize_file(data + "1.log", 3);
  refuses(data, "the log \"1.log\" is none of this server");
  std::filesystem::remove(data + "1.log");
  refuses(data, "the log \"1.log\" can't be opened: No such file");
}

}  // namespace
}  // namespace kv
