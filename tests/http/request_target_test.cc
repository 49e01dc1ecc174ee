#include "gyre/examples/http/request_target.h"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(path_of, leaves_out_host_and_query) {
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/a/b%20c?d=/e?f"), "/a/b%20c");
  EXPECT_EQ(path_of("http://host:80/a?b"), "/a");
  EXPECT_EQ(path_of("HTTPS://host/a"), "/a");
  EXPECT_EQ(path_of("http://host"), "/");
  EXPECT_EQ(path_of("http://host?query"), "/");
  EXPECT_EQ(path_of("//host/a"), "//host/a");
}

TEST(path_of, takes_nothing_else) {
  for (const char* target : {"", "*", "host:80", "a", "ftp://host/a", "http:///a", "/a#b"})
    EXPECT_EQ(path_of(target), std::nullopt) << target;
}

TEST(decode_path, decodes_each_byte_once) {
  EXPECT_EQ(decode_path("/a%20b%C3%a9"), "a b\xC3\xA9");
  EXPECT_EQ(decode_path("/%2525"), "%25");
  EXPECT_EQ(decode_path("/a+b"), "a+b");
}

TEST(decode_path, is_never_absolute) {
  EXPECT_EQ(decode_path("/"), ".");
  EXPECT_EQ(decode_path("///"), ".");
  EXPECT_EQ(decode_path("//etc/passwd"), "etc/passwd");
  EXPECT_EQ(decode_path("/%2fetc/passwd"), "etc/passwd");
  EXPECT_EQ(decode_path("/%2F%2fetc/"), "etc/");
}

TEST(decode_path, refuses_what_is_no_encoding_and_what_no_name_holds) {
  for (const char* path : {"/%", "/%1", "/%zz", "/a%0", "/a%00b", "/%-1"})
    EXPECT_EQ(decode_path(path), std::nullopt) << path;
}

TEST(encode_path, is_undone_by_decoding) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(decode_path("/x" + encode_path(all)), "x" + all);
  EXPECT_EQ(encode_path("a b/<\"?#%\xC3"), "a%20b/%3C%22%3F%23%25%C3");
}

}  // namespace
}  // namespace http
