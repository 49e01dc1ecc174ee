#include "gyre/examples/http/response_head.h"

#include <string>

#include <gtest/gtest.h>

namespace http {
namespace {

constexpr std::string_view now = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string written(const response_head& head) {
  block_pools blocks;
  output out(blocks);
  EXPECT_TRUE(out.make_room(head_size_max(head)));
  append_head(out, head, now);
  EXPECT_LE(out.size(), head_size_max(head));
  return {reinterpret_cast<const char*>(out.bytes().data()), out.size()};
}

bool has_line(const response_head& head, std::string_view line) {
  return written(head).find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

TEST(response_head, is_a_status_line_fields_and_an_empty_line) {
  response_head head(status::ok);
  head.keep_alive = true;
  head.content_type = "text/plain";
  head.content_length = 5;
  EXPECT_EQ(written(head),
            "HTTP/1.1 200 OK\r\nServer: gyre\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
}

TEST(response_head, says_whether_the_connection_goes_on) {
  response_head head(status::ok);
  EXPECT_TRUE(has_line(head, "Connection: close"));
  head.http_1_0 = true;
  EXPECT_TRUE(has_line(head, "Connection: close"));
  head.keep_alive = true;
  EXPECT_TRUE(has_line(head, "Connection: keep-alive"));
}

TEST(response_head, says_what_its_status_calls_for) {
  EXPECT_TRUE(has_line(response_head(status::method_not_allowed), "Allow: GET, HEAD"));
  response_head behind(status::range_not_satisfiable);
  behind.full_size = 7;
  EXPECT_TRUE(has_line(behind, "Content-Range: bytes */7"));
  EXPECT_EQ(written(response_head(status::not_modified)).find("Content-Length"), std::string::npos);
}

TEST(response_head, has_room_for_the_largest_fields) {
  const std::string tag = "\"ffffffffffffffff.ffffffff.ffffffffffffffff\"";
  response_head head(status::header_fields_too_large);
  head.http_1_0 = head.keep_alive = true;
  head.content_type = "application/octet-stream";
  head.entity_tag = tag;
  head.last_modified = now;
  head.location = "/somewhere/else";
  head.content_length = UINT64_MAX;
  head.full_size = UINT64_MAX;
  head.range = byte_range(UINT64_MAX - 10, 10);
  EXPECT_TRUE(has_line(head,
                       "Content-Range: bytes 18446744073709551605-18446744073709551614/"
                       "18446744073709551615"));
  EXPECT_TRUE(has_line(head, "Location: /somewhere/else"));
  EXPECT_TRUE(has_line(head, "ETag: " + tag));
}

}  // namespace
}  // namespace http
