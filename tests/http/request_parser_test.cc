#include "gyre/examples/http/request_parser.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace http {
namespace {

using progress = request_parser::progress;
using method = enum request::method;

/// A connection as the parser sees it.
class stream {
 public:
  explicit stream(const limits& limits = {}) : limits_(limits), parser(limits_), in(blocks_) {}

  /// Hands over `text`, `step` bytes at a time, until a request is complete or refused.
  progress feed(std::string_view text, std::size_t step) {
    progress last = parser.parse(in);
    while (!text.empty() && (last == progress::more || last == progress::body)) {
      if (last == progress::body) ++bodies;
      const auto space = in.free_space();
      const std::size_t count = std::min({space.size(), text.size(), step});
      std::memcpy(space.data(), text.data(), count);
      in.add(count);
      text.remove_prefix(count);
      last = parser.parse(in);
    }
    while (last == progress::body) {
      ++bodies;
      last = parser.parse(in);
    }
    return last;
  }

  void next() {
    const std::size_t size = parser.size();
    parser.next();
    in.drop_front(size);
  }

 private:
  limits limits_;
  block_pools blocks_;

 public:
  request_parser parser;
  input in;
  int bodies = 0;
};

/// What the server makes of `text`, however it is cut to pieces.
status status_of(const std::string& text, const limits& limits = {}) {
  std::vector<status> seen;
  for (const std::size_t step : {text.size(), std::size_t{1}, std::size_t{7}}) {
    stream from(limits);
    const progress outcome = from.feed(text, step);
    EXPECT_NE(outcome, progress::more) << text;
    seen.push_back(outcome == progress::failed ? from.parser.failure() : status::ok);
  }
  EXPECT_EQ(seen[0], seen[1]) << text;
  EXPECT_EQ(seen[0], seen[2]) << text;
  return seen[0];
}

const std::string full =
    "GET /a?b HTTP/1.1\r\nHost: h:80\r\nRANGE: bytes=1-2 \r\nIf-Range:\t\"x\"\r\nOther: y\r\n"
    "if-none-match: \"n\"\r\nIf-Match: \"m\"\r\nIf-Modified-Since: s\r\nif-unmodified-since: u\r\n"
    "Expect: e\r\n\r\n";

TEST(request_parser, finds_the_fields_wherever_the_bytes_are_cut) {
  for (std::size_t step = 1; step <= full.size(); ++step) {
    stream from;
    ASSERT_EQ(from.feed(full, step), progress::complete);
    const request found = from.parser.request(from.in);
    EXPECT_EQ(found.method, method::get);
    EXPECT_EQ(found.target, "/a?b");
    EXPECT_EQ(found.range, "bytes=1-2");
    EXPECT_EQ(found.if_range, "\"x\"");
    EXPECT_EQ(found.if_none_match, "\"n\"");
    EXPECT_EQ(found.if_match, "\"m\"");
    EXPECT_EQ(found.if_modified_since, "s");
    EXPECT_EQ(found.if_unmodified_since, "u");
    EXPECT_EQ(found.expect, "e");
    EXPECT_TRUE(found.keep_alive);
    EXPECT_FALSE(found.http_1_0);
    EXPECT_FALSE(found.has_body);
    EXPECT_EQ(from.parser.size(), full.size());
  }
}

TEST(request_parser, takes_pipelined_requests_one_by_one) {
  stream from;
  const std::string second = "HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_EQ(from.feed(full + second + second.substr(0, 10), 10'000), progress::complete);
  from.next();
  ASSERT_EQ(from.parser.parse(from.in), progress::complete);
  const request found = from.parser.request(from.in);
  EXPECT_EQ(found.method, method::head);
  EXPECT_EQ(found.target, "/2");
  EXPECT_EQ(found.range, "");
  from.next();
  EXPECT_EQ(from.parser.parse(from.in), progress::more);
  EXPECT_EQ(from.in.message(), second.substr(0, 10));
}

TEST(request_parser, drops_bodies_and_finds_what_follows_them) {
  const std::string body = std::string(100'000, 'b');
  const std::string sized = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + body;
  const std::string chunked =
      "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "186a0;ext=1\r\n" +
      body + "\r\n3\r\nabc\r\n0\r\nHost: trailer\r\nRange: x\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, std::size_t{1'000'000}}) {
    stream from;
    ASSERT_EQ(from.feed(sized, step), progress::complete);
    EXPECT_EQ(from.bodies, 1);
    EXPECT_EQ(from.parser.request(from.in).target, "/p");
    EXPECT_TRUE(from.parser.request(from.in).has_body);
    from.next();
    ASSERT_EQ(from.feed(chunked, step), progress::complete);
    EXPECT_EQ(from.parser.request(from.in).target, "/c");
    EXPECT_EQ(from.parser.request(from.in).range, "");
    from.next();
    ASSERT_EQ(from.feed(full, step), progress::complete);
    EXPECT_EQ(from.parser.request(from.in).range, "bytes=1-2");
    from.next();
    EXPECT_TRUE(from.in.empty());
  }
}

TEST(request_parser, knows_how_long_a_connection_lasts) {
  const auto keeps = [](std::string_view text) {
    stream from;
    EXPECT_EQ(from.feed(text, 1000), progress::complete);
    return from.parser.request(from.in).keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"));
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";
  EXPECT_TRUE(keeps(chunked + "\r\n0\r\nName: value\r\n\r\n"));
  EXPECT_FALSE(keeps(chunked + "\r\n0\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps(chunked + "Connection: close\r\n\r\n0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(request_parser, wants_one_host) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), status::bad_request);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), status::bad_request);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), status::bad_request);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), status::bad_request);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), status::bad_request);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), status::ok);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), status::ok);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), status::ok);
}

TEST(request_parser, refuses_what_is_malformed) {
  const std::string host = "Host: h\r\n";
  for (const std::string& text : {
           std::string("\x16\x03\x01\x02\x00\x01\x00", 7),
           std::string("GET\r\n\r\n"),
           "G@T / HTTP/1.1\r\n" + host + "\r\n",
           "get / HTTP/1.1\r\n" + host + "\r\n",
           "GET /a b HTTP/1.1\r\n" + host + "\r\n",
           "GET nothing HTTP/1.1\r\n" + host + "\r\n",
           "GET / HTTP/1.1\r\n" + host + "Na me: v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Name : v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + ": v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Name v\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Folded: a\r\n b\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Control: a\x01\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "Bare: a\rb: c\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + std::string("Nul: a\0b\r\n\r\n", 12),
           "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: 1x\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host +
               "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
           // What a proxy in front of us may see the end of elsewhere.
           "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
           "GET / HTTP/1.1\r\n" + host + "\rX",
           "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n 3\r\n\r\nabc",
           "GET / HTTP/1.1\r\n" + host + "Folded: \r\n\tb\r\n\r\n",
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
       })
    EXPECT_EQ(status_of(text), status::bad_request) << text;
}

TEST(request_parser, tells_what_it_does_not_do) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_of(post + "Transfer-Encoding: gzip, chunked\r\n\r\n"), status::not_implemented);
  EXPECT_EQ(status_of(post + "Transfer-Encoding: gzip\r\n\r\n"), status::not_implemented);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), status::version_not_supported);
  EXPECT_EQ(status_of("GET / HTTP/1.7\r\nHost: h\r\n\r\n"), status::version_not_supported);
  EXPECT_EQ(status_of("GET /\r\n\r\n"), status::version_not_supported);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), status::version_not_supported);
}

limits small_limits() {
  limits made;
  made.head_max = 1000;
  made.target_max = 100;
  made.body_max = 1000;
  return made;
}

TEST(request_parser, bounds_the_head) {
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string end = "\r\n\r\n";
  const auto head = [&](std::size_t size) {
    return line + "Name: " + std::string(size - line.size() - 6 - end.size(), 'v') + end;
  };
  EXPECT_EQ(status_of(head(999), small_limits()), status::ok);
  EXPECT_EQ(status_of(head(1001), small_limits()), status::header_fields_too_large);
  EXPECT_EQ(status_of(line + std::string(5000, 'n'), small_limits()),
            status::header_fields_too_large);
  EXPECT_EQ(status_of(std::string(5000, '\n'), small_limits()), status::header_fields_too_large);
}

TEST(request_parser, bounds_the_target) {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(status_of("GET /" + std::string(99, 'a') + rest, small_limits()), status::ok);
  EXPECT_EQ(status_of("GET /" + std::string(100, 'a') + rest, small_limits()),
            status::uri_too_long);
  EXPECT_EQ(status_of("GET /" + std::string(5000, 'a'), small_limits()), status::uri_too_long);
}

TEST(request_parser, bounds_the_body) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string body(1000, 'b');
  EXPECT_EQ(status_of(post + "Content-Length: 1000\r\n\r\n" + body, small_limits()), status::ok);
  EXPECT_EQ(status_of(post + "Content-Length: 1001\r\n\r\n", small_limits()),
            status::content_too_large);
  EXPECT_EQ(status_of(chunked + "3e8\r\n" + body + "\r\n0\r\n\r\n", small_limits()), status::ok);
  EXPECT_EQ(status_of(chunked + "3e8\r\n" + body + "\r\n1\r\na\r\n0\r\n\r\n", small_limits()),
            status::content_too_large);
  std::string tiny = chunked;
  for (int i = 0; i < 900; ++i) tiny += "1;extension\r\nb\r\n";
  EXPECT_EQ(status_of(tiny, small_limits()), status::content_too_large);
  EXPECT_EQ(status_of(chunked + "0\r\nTrailer: " + std::string(5000, 't'), small_limits()),
            status::content_too_large);
}

}  // namespace
}  // namespace http
