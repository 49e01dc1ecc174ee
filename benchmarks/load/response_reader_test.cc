#include "gyre/benchmarks/load/response_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gyre::load {
namespace {

// The statuses of all complete responses, with the stream cut into pieces of `piece` bytes.
std::vector<int> statuses(response_reader& reader, const std::string& stream, std::size_t piece) {
  std::vector<int> result;
  for (std::size_t from = 0; from < stream.size(); from += piece) {
    std::span<const char> bytes = std::span(stream).subspan(from);
    bytes = bytes.first(std::min(piece, bytes.size()));
    while (!bytes.empty()) {
      bytes = bytes.subspan(reader.read(bytes));
      if (!reader.error().empty()) return result;
      if (reader.complete()) result.push_back(reader.status());
    }
  }
  return result;
}

TEST(response_reader, finds_the_responses_however_the_stream_is_cut) {
  const std::string stream =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 404 Not Found\r\nDate: now\r\ncontent-length:  0 \r\n\r\n"
      "HTTP/1.1 304 Not Modified\r\n\r\n"
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 \r\nContent-Length: 3\r\n\r\n\r\n\r"
      "HTTP/1.1 204\r\n\r\n";
  for (std::size_t piece = 1; piece <= stream.size(); piece++) {
    response_reader reader;
    EXPECT_EQ(statuses(reader, stream, piece), (std::vector<int>{200, 404, 304, 206, 204}))
        << "pieces of " << piece;
    EXPECT_EQ(reader.error(), "");
  }
}

TEST(response_reader, knows_when_the_server_closes) {
  const std::string length = "Content-Length: 0\r\n";
  const auto closes = [](const std::string& response) {
    response_reader reader;
    statuses(reader, response, response.size());
    EXPECT_TRUE(reader.complete());
    return reader.closes();
  };
  EXPECT_FALSE(closes("HTTP/1.1 200 OK\r\n" + length + "\r\n"));
  EXPECT_TRUE(closes("HTTP/1.1 200 OK\r\n" + length + "Connection: Close\r\n\r\n"));
  EXPECT_TRUE(closes("HTTP/1.0 200 OK\r\n" + length + "\r\n"));
  EXPECT_FALSE(closes("HTTP/1.0 200 OK\r\n" + length + "Connection: keep-alive\r\n\r\n"));
}

TEST(response_reader, says_what_it_cannot_follow) {
  const auto error = [](const std::string& response) {
    response_reader reader;
    EXPECT_TRUE(statuses(reader, response, response.size()).empty());
    return reader.error();
  };
  EXPECT_NE(error("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 200 OK\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 200 OK\r\nno field\r\n\r\n"), "");
  EXPECT_NE(error("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')), "");
}

}  // namespace
}  // namespace gyre::load
