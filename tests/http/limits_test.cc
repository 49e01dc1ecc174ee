#include <chrono>
#include <string>
#include <vector>

#include "gyre/tests/http/server_test.h"

// Limits of time and number: who is cut off, with what answer, and who is not.
namespace http {
namespace {

using namespace std::chrono_literals;

const std::string plaintext = "GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";

class limits_of_time : public server_test, public testing::WithParamInterface<const char*> {
 protected:
  limits_of_time()
      : server_test({"--backend", GetParam(), "--head-timeout", "0.3", "--body-timeout", "0.3",
                     "--idle-timeout", "0.3", "--write-timeout", "0.3"}) {}

  /// Sends a byte whenever a moment has passed, until something is heard.
  static answer dribble(client& connection, const std::string& bytes) {
    for (const char c : bytes) {
      if (connection.hears_within(1ms) || !connection.send({&c, 1})) break;
    }
    return connection.receive();
  }
};
INSTANTIATE_TEST_SUITE_P(backend, limits_of_time, all_backends);

TEST_P(limits_of_time, a_head_that_dribbles_is_cut_off) {
  client connection(port());
  const auto start = std::chrono::steady_clock::now();
  const answer cut =
      dribble(connection, "GET / HTTP/1.1\r\nHost: test\r\nName: " + std::string(100'000, 'v'));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
  EXPECT_EQ(cut.status, 408);
  EXPECT_EQ(cut.field("connection"), "close");
  EXPECT_EQ(server.metric("http_request_timeouts_total"), 1U);
}

TEST_P(limits_of_time, a_body_that_dribbles_is_cut_off) {
  client connection(port());
  connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_EQ(dribble(connection, std::string(100'000, 'b')).status, 408);
}

TEST_P(limits_of_time, a_client_that_says_nothing_is_closed_without_a_word) {
  client silent(port());
  EXPECT_TRUE(silent.is_closed());
  client once(port());
  once.send(plaintext);
  EXPECT_EQ(once.receive().status, 200);
  EXPECT_TRUE(once.is_closed());
  EXPECT_EQ(server.metric("http_idle_timeouts_total"), 2U);
}

TEST_P(limits_of_time, a_client_that_goes_on_asking_is_not_cut_off) {
  client connection(port());
  const auto end = std::chrono::steady_clock::now() + 1s;
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_TRUE(connection.send(plaintext));
    ASSERT_EQ(connection.receive().body, "Hello, World!");
  }
}

TEST_P(limits_of_time, a_client_that_never_reads_is_dropped) {
  root.write("spliced", pattern(32 << 20));
  client connection(port());
  connection.shrink_receive_buffer(4096);
  connection.send("GET /spliced HTTP/1.1\r\nHost: test\r\n\r\n");
  while (server.metric("http_write_timeouts_total") < 1) continue;

  client flooding(port());
  flooding.shrink_receive_buffer(4096);
  // Answers that nobody reads fill the socket as well. The sending ends with the connection.
  std::string many;
  for (int i = 0; i < 1000; ++i) many += plaintext;
  while (flooding.send(many)) continue;
  while (server.metric("http_write_timeouts_total") < 2) continue;
}

TEST_P(limits_of_time, a_client_that_reads_slowly_gets_all) {
  const std::string content = pattern(8 << 20);
  root.write("file", content);
  client connection(port());
  connection.shrink_receive_buffer(65536);
  connection.send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n");
  std::string received;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(connection.receive_streaming([&](std::string_view bytes) {
    received += bytes;
    // As slow as that for longer than the limit, in which each time a little is read.
    if (std::chrono::steady_clock::now() - start < 1s) server.metric("http_connections_open");
  }));
  EXPECT_TRUE(received == content);
}

/// Reads what comes, so slowly for some time that megabytes wait in the kernel.
bool reads_steadily(client& connection, const server_process& server, std::size_t size) {
  std::size_t received = 0;
  const auto start = std::chrono::steady_clock::now();
  const bool whole = connection.receive_streaming([&](std::string_view bytes) {
    received += bytes.size();
    for (int i = 0; i < 3 && std::chrono::steady_clock::now() - start < 2s; ++i)
      server.metric("http_connections_open");
  });
  return whole && received == size;
}

TEST_P(limits_of_time, a_client_for_whom_the_kernel_holds_much_gets_all) {
  constexpr std::size_t size = 24 << 20;
  root.write("spliced", pattern(size));
  client connection(port(), 4096);
  connection.send("GET /spliced HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(reads_steadily(connection, server, size));
  EXPECT_EQ(server.metric("http_write_timeouts_total"), 0U);
}

class limit_of_connections : public server_test, public testing::WithParamInterface<const char*> {
 protected:
  limit_of_connections() : server_test({"--backend", GetParam(), "--connections-max", "3"}) {}
};
INSTANTIATE_TEST_SUITE_P(backend, limit_of_connections, all_backends);

TEST_P(limit_of_connections, lets_others_wait_until_one_is_closed) {
  client asking(port());
  const auto pauses = [&] {
    asking.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
    return asking.receive().body.find("http_accept_pauses_total{core=\"0\"} 0\n") ==
           std::string::npos;
  };
  EXPECT_FALSE(pauses());
  std::vector<client> holding;
  for (int i = 0; i < 2; ++i) {
    holding.emplace_back(port());
    holding.back().send(plaintext);
    EXPECT_EQ(holding.back().receive().status, 200);
  }
  client waiting(port());
  waiting.send(plaintext);
  while (!pauses()) continue;
  EXPECT_FALSE(waiting.hears_within(20ms));
  holding.pop_back();
  EXPECT_EQ(waiting.receive().body, "Hello, World!");
}

class limit_of_connections_on_cores : public server_test,
                                      public testing::WithParamInterface<const char*> {
 protected:
  limit_of_connections_on_cores()
      : server_test({"--backend", GetParam(), "--cores", "2", "--connections-max", "8"}) {}
};
INSTANTIATE_TEST_SUITE_P(backend, limit_of_connections_on_cores, all_backends);

TEST_P(limit_of_connections_on_cores, holds_for_all_of_them_together) {
  const auto is_served = [](client& asking) {
    asking.send(plaintext);
    return asking.receive().status == 200;
  };
  std::vector<client> holding;
  for (int i = 0; i < 8; ++i) {
    holding.emplace_back(port());
    ASSERT_TRUE(is_served(holding.back())) << i;
  }
  client waiting(port());
  waiting.send(plaintext);
  EXPECT_FALSE(waiting.hears_within(20ms));
  holding.pop_back();
  EXPECT_EQ(waiting.receive().body, "Hello, World!");
}

}  // namespace
}  // namespace http
