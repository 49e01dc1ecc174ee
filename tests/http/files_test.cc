#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "gyre/tests/http/server_test.h"

// Files over HTTP: what a browser and a download manager do.
namespace http {
namespace {

class files : public server_on_backend {};
INSTANTIATE_TEST_SUITE_P(backend, files, all_backends);

TEST_P(files, arrive_as_they_are_whatever_their_size) {
  client connection(port());
  for (const std::size_t size : {0, 1, 16'383, 16'384, 16'385, 40'000, 300'000, 5'000'000}) {
    const std::string content = pattern(size);
    root.write("file", content);
    ASSERT_TRUE(connection.send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n"));
    const answer whole = connection.receive();
    EXPECT_EQ(whole.status, 200);
    EXPECT_TRUE(whole.complete);
    EXPECT_TRUE(whole.body == content) << size;
  }
}

TEST_P(files, have_the_same_head_without_a_body) {
  const std::string content = pattern(100'000);
  root.write("file.css", content);
  const answer whole = get(port(), "/file.css");
  const answer head = get(port(), "/file.css", {}, "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), "100000");
  EXPECT_EQ(head.field("content-type"), "text/css; charset=utf-8");
  EXPECT_EQ(head.field("etag"), whole.field("etag"));
  EXPECT_EQ(head.field("last-modified"), whole.field("last-modified"));
  EXPECT_EQ(head.field("accept-ranges"), "bytes");
}

TEST_P(files, can_be_had_in_part) {
  const std::string content = pattern(1'000'000);
  root.write("file", content);
  for (const auto& [range, first, size] :
       {std::tuple("bytes=0-0", 0, 1), std::tuple("bytes=10-19", 10, 10),
        std::tuple("bytes=500000-", 500'000, 500'000), std::tuple("bytes=-7", 999'993, 7),
        std::tuple("bytes=1-900000", 1, 900'000)}) {
    const answer part = get(port(), "/file", std::string("Range: ") + range + "\r\n");
    EXPECT_EQ(part.status, 206) << range;
    EXPECT_TRUE(part.body == content.substr(first, size)) << range;
    EXPECT_EQ(part.field("content-range"), "bytes " + std::to_string(first) + "-" +
                                               std::to_string(first + size - 1) + "/1000000");
  }
  const answer behind = get(port(), "/file", "Range: bytes=1000000-\r\n");
  EXPECT_EQ(behind.status, 416);
  EXPECT_EQ(behind.field("content-range"), "bytes */1000000");
  EXPECT_EQ(get(port(), "/file", "Range: rubbish\r\n").status, 200);
  EXPECT_EQ(get(port(), "/file", "Range: bytes=0-0\r\n", "HEAD").status, 200);
}

TEST_P(files, can_be_had_in_several_parts) {
  const std::string content = pattern(200'000);
  root.write("file", content);
  const answer parts = get(port(), "/file", "Range: bytes=5-9, 100000-150000, -3\r\n");
  EXPECT_EQ(parts.status, 206);
  EXPECT_TRUE(parts.complete);
  const std::string type = parts.field("content-type");
  const std::string prefix = "multipart/byteranges; boundary=";
  ASSERT_TRUE(type.starts_with(prefix)) << type;
  const std::string boundary = type.substr(prefix.size());
  std::string expected;
  for (const auto& [first, size] :
       {std::pair(5, 5), std::pair(100'000, 50'001), std::pair(199'997, 3)})
    expected += "\r\n--" + boundary + "\r\nContent-Type: application/octet-stream\r\n" +
                "Content-Range: bytes " + std::to_string(first) + "-" +
                std::to_string(first + size - 1) + "/200000\r\n\r\n" + content.substr(first, size);
  expected += "\r\n--" + boundary + "--\r\n";
  EXPECT_TRUE(parts.body == expected);
}

TEST_P(files, are_not_sent_again_to_who_has_them) {
  root.write("file", "content");
  const answer first = get(port(), "/file");
  const std::string tag = first.field("etag");
  const std::string modified = first.field("last-modified");
  const answer again = get(port(), "/file", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.field("etag"), tag);
  EXPECT_EQ(get(port(), "/file", "If-Modified-Since: " + modified + "\r\n").status, 304);
  EXPECT_EQ(get(port(), "/file", "If-None-Match: \"other\"\r\n").status, 200);
  EXPECT_EQ(get(port(), "/file", "If-Match: \"other\"\r\n").status, 412);
  const std::string range = "Range: bytes=0-2\r\n";
  EXPECT_EQ(get(port(), "/file", range + "If-Range: " + tag + "\r\n").body, "con");
  EXPECT_EQ(get(port(), "/file", range + "If-Range: \"other\"\r\n").body, "content");
  root.write("file", "longer content");
  EXPECT_EQ(get(port(), "/file", "If-None-Match: " + tag + "\r\n").body, "longer content");
  EXPECT_EQ(get(port(), "/file", range + "If-Range: " + tag + "\r\n").body, "longer content");
}

TEST_P(files, of_a_directory_are_listed_unless_it_has_an_index) {
  root.write("plain/a file", "a");
  root.write("site/index.html", "<p>index</p>");
  const answer listing = get(port(), "/plain/");
  EXPECT_EQ(listing.field("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(listing.body.find("<a href=\"./a%20file\">a file</a>"), std::string::npos);
  EXPECT_EQ(get(port(), "/plain/a%20file").body, "a");
  const answer index = get(port(), "/site/");
  EXPECT_EQ(index.body, "<p>index</p>");
  EXPECT_EQ(index.field("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(get(port(), "/").body.find("site/"), std::string::npos);
  EXPECT_EQ(get(port(), "/plain/a%20file/").status, 404);
}

TEST_P(files, of_a_directory_are_found_behind_its_slash) {
  root.write("a b/file", "");
  for (const char* target : {"/a%20b", "///a%20b", "http://other/a%20b", "/a%20b?query"}) {
    const answer moved = get(port(), target);
    EXPECT_EQ(moved.status, 301) << target;
    EXPECT_EQ(moved.field("location"), "/a%20b/") << target;
  }
}

TEST_P(files, are_read_as_long_as_the_head_says_or_the_connection_ends) {
  const std::string content = pattern(32 << 20);
  const std::string path = root.write("file", content);
  client connection(port());
  connection.shrink_receive_buffer(65536);
  ASSERT_TRUE(connection.send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n"));
  // Its beginning is here, its end can't have been read: the socket does not hold that much.
  ASSERT_TRUE(connection.hears_within(std::chrono::seconds(60)));
  std::filesystem::resize_file(path, 1 << 20);
  const answer cut = connection.receive();
  EXPECT_EQ(cut.status, 200);
  EXPECT_EQ(cut.field("content-length"), std::to_string(32 << 20));
  EXPECT_FALSE(cut.complete);
  EXPECT_TRUE(connection.is_closed());
}

TEST_P(files, of_a_gibibyte_take_no_memory) {
  constexpr std::uint64_t size = std::uint64_t{1} << 30;
  constexpr std::uint64_t step = 1 << 20;
  const std::string path = root.write("file", "");
  std::filesystem::resize_file(path, size);
  {
    std::fstream marks(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = 0; at < size; at += step)
      marks.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(at / step % 251 + 1));
  }
  const std::size_t memory_before = server.memory_peak();
  client connection(port());
  ASSERT_TRUE(connection.send("GET /file HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"));
  std::uint64_t seen = 0;
  std::uint64_t wrong = 0;
  const bool complete = connection.receive_streaming([&](std::string_view bytes) {
    for (std::uint64_t mark = (seen + step - 1) / step * step; mark < seen + bytes.size();
         mark += step)
      wrong += bytes[mark - seen] != static_cast<char>(mark / step % 251 + 1);
    seen += bytes.size();
  });
  EXPECT_TRUE(complete);
  EXPECT_EQ(seen, size);
  EXPECT_EQ(wrong, 0U);
  EXPECT_LT(server.memory_peak() - memory_before, std::size_t{32} << 20);
}

TEST_P(files, can_be_read_by_many_at_a_time) {
  const std::string content = pattern(3'000'000);
  root.write("file", content);
  std::vector<client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(port());
    ASSERT_TRUE(clients.back().send("GET /file HTTP/1.1\r\nHost: test\r\n\r\n"));
  }
  // The last one first: nobody waits for who has not read yet.
  for (auto each = clients.rbegin(); each != clients.rend(); ++each)
    EXPECT_TRUE(each->receive().body == content);
}

}  // namespace
}  // namespace http
