#include <string>
#include <vector>

#include "gyre/tests/http/server_test.h"

// HTTP/1.1 itself: what is answered how, and what becomes of the connection.
namespace http {
namespace {

class protocol : public server_on_backend {
 protected:
  /// The status for these bytes, after which the connection must end.
  int refused_with(const std::string& bytes) {
    client connection(port());
    connection.send(bytes);
    const answer got = connection.receive();
    EXPECT_EQ(got.field("connection"), "close") << bytes.substr(0, 100);
    EXPECT_EQ(connection.receive_all(), "");
    return got.status;
  }
};
INSTANTIATE_TEST_SUITE_P(backend, protocol, all_backends);

const std::string plaintext = "GET /plaintext HTTP/1.1\r\nHost: test\r\n\r\n";

TEST_P(protocol, answers_pipelined_requests_in_order) {
  const std::string large = pattern(100'000);
  root.write("small", "small");
  root.write("large", large);
  std::string requests;
  constexpr int rounds = 300;
  for (int i = 0; i < rounds; ++i)
    for (const char* line : {"GET /plaintext", "GET /small", "HEAD /small", "GET /missing",
                             "DELETE /small", "GET /plaintext?again"})
      requests += std::string(line) + " HTTP/1.1\r\nHost: test\r\n\r\n";
  requests += "GET /large HTTP/1.1\r\nHost: test\r\n\r\n" + plaintext;
  client connection(port());
  ASSERT_TRUE(connection.send(requests));
  for (int i = 0; i < rounds; ++i) {
    EXPECT_EQ(connection.receive().body, "Hello, World!");
    EXPECT_EQ(connection.receive().body, "small");
    EXPECT_EQ(connection.receive(true).field("content-length"), "5");
    EXPECT_EQ(connection.receive().status, 404);
    EXPECT_EQ(connection.receive().field("allow"), "GET, HEAD");
    ASSERT_EQ(connection.receive().body, "Hello, World!");
  }
  EXPECT_TRUE(connection.receive().body == large);
  EXPECT_EQ(connection.receive().body, "Hello, World!");
}

TEST_P(protocol, takes_requests_a_byte_at_a_time) {
  client connection(port());
  for (int round = 0; round < 3; ++round) {
    for (const char c : plaintext) ASSERT_TRUE(connection.send({&c, 1}));
    EXPECT_EQ(connection.receive().body, "Hello, World!");
  }
}

TEST_P(protocol, keeps_the_connection_as_the_version_says) {
  client once(port());
  once.send("GET /plaintext HTTP/1.0\r\n\r\n");
  EXPECT_EQ(once.receive().field("connection"), "close");
  EXPECT_TRUE(once.is_closed());

  client kept(port());
  for (int i = 0; i < 2; ++i) {
    kept.send("GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(kept.receive().field("connection"), "keep-alive");
  }

  client closing(port());
  closing.send("GET /plaintext HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" + plaintext);
  EXPECT_EQ(closing.receive().field("connection"), "close");
  EXPECT_EQ(closing.receive_all(), "");
}

TEST_P(protocol, answers_a_client_that_sends_no_more) {
  client connection(port());
  connection.send(plaintext + plaintext);
  connection.half_close();
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_TRUE(connection.is_closed());

  client halfway(port());
  halfway.send("GET /plaintext HTTP/1.1\r\nHo");
  halfway.half_close();
  EXPECT_EQ(halfway.receive().status, 400);
  EXPECT_TRUE(halfway.is_closed());
}

TEST_P(protocol, drops_bodies_and_goes_on) {
  client connection(port());
  const std::string body(100'000, 'b');
  connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n" + body);
  connection.send("GET /plaintext HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  ("186a0\r\n" + body + "\r\n0\r\n\r\n") + plaintext);
  EXPECT_EQ(connection.receive().status, 405);
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_EQ(connection.receive().body, "Hello, World!");
}

TEST_P(protocol, closes_where_the_fields_behind_a_body_say_so) {
  client connection(port());
  connection.send(
      "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
      "Connection: close\r\n\r\n");
  const answer last = connection.receive();
  EXPECT_EQ(last.status, 405);
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_TRUE(connection.is_closed());
}

TEST_P(protocol, asks_for_a_body_that_is_offered) {
  client connection(port());
  connection.send(
      "GET /plaintext HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 100);
  connection.send("body");
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_EQ(refused_with("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
                         "Content-Length: 4\r\n\r\n"),
            405);
  EXPECT_EQ(refused_with("GET / HTTP/1.1\r\nHost: test\r\nExpect: wonders\r\n"
                         "Content-Length: 4\r\n\r\n"),
            417);
}

TEST_P(protocol, refuses_what_is_malformed_or_too_much) {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: test\r\n";
  EXPECT_EQ(refused_with("\x16\x03\x01\x02"), 400);
  EXPECT_EQ(refused_with("rubbish\r\n\r\n"), 400);
  EXPECT_EQ(refused_with(get + "\r\n"), 400);
  EXPECT_EQ(refused_with(get + "Host: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(refused_with(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(refused_with(post + "Transfer-Encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(refused_with("GET / HTTP/3.0\r\nHost: test\r\n\r\n"), 505);
  EXPECT_EQ(refused_with("GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: test\r\n\r\n"),
            414);
  EXPECT_EQ(refused_with(get + "Host: test\r\nName: " + std::string(17'000, 'v') + "\r\n\r\n"),
            431);
  EXPECT_EQ(refused_with(get + "Host: test\r\nName: " + std::string(100'000, 'v')), 431);
}

TEST_P(protocol, lets_a_client_see_why_its_body_was_refused) {
  // The client is still sending when it is answered: a connection that was just closed would be
  // reset by that, and the answer might be lost.
  const std::string body(3'000'000, 'b');
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(
        refused_with("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3000000\r\n\r\n" + body),
        413);
}

TEST_P(protocol, answers_good_requests_before_a_bad_one) {
  client connection(port());
  connection.send(plaintext + plaintext + "rubbish\r\n\r\n" + plaintext);
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_EQ(connection.receive().body, "Hello, World!");
  EXPECT_EQ(connection.receive().status, 400);
  EXPECT_EQ(connection.receive_all(), "");
}

TEST_P(protocol, counts_what_it_does) {
  client connection(port());
  for (int i = 0; i < 10; ++i) {
    connection.send(plaintext + "GET /missing HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.receive();
    connection.receive();
  }
  EXPECT_EQ(server.metric("http_requests_total", "class=\"4xx\""), 10U);
  EXPECT_GE(server.metric("http_requests_total", "class=\"2xx\""), 10U);
  EXPECT_EQ(server.metric("http_connections_open"), 2U);
  EXPECT_GT(server.metric("gyre_backend_syscalls_total"), 0U);
  EXPECT_EQ(server.metric("gyre_backend_stale_total"), 0U);
  EXPECT_EQ(server.metric("gyre_backend_info", "backend=\"" + std::string(GetParam()) + "\""), 1U);
}

}  // namespace
}  // namespace http
