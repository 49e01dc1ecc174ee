#include "gyre/examples/http/mime_types.h"

#include <gtest/gtest.h>
#include "gyre/tests/http/server_process.h"

namespace http {
namespace {

TEST(mime_types, know_the_common_ones_by_themselves) {
  const mime_types types;
  EXPECT_EQ(types.of("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(types.of("a/b.c/photo.JPG"), "image/jpeg");
  EXPECT_EQ(types.of("app.wasm"), "application/wasm");
}

TEST(mime_types, go_by_the_last_ending_of_the_name) {
  const mime_types types;
  for (const char* name :
       {"", "README", "html", "page.html/", "dir.html/file", "a.unknown-ending", "page.html."})
    EXPECT_EQ(types.of(name), "application/octet-stream") << name;
  EXPECT_EQ(types.of("a.png.txt"), "text/plain; charset=utf-8");
  EXPECT_EQ(types.of("x." + std::string(1000, 'y')), "application/octet-stream");
}

TEST(mime_types, learn_more_from_a_file) {
  const temporary_directory directory;
  mime_types types;
  EXPECT_TRUE(types.load(directory
                             .write("types",
                                    "# comment\n\ntext/x-new\tnew newer # more\n"
                                    "application/x-none\nimage/other png\n")
                             .c_str()));
  EXPECT_EQ(types.of("a.newer"), "text/x-new; charset=utf-8");
  EXPECT_EQ(types.of("a.png"), "image/other");
  EXPECT_EQ(types.of("a.html"), "text/html; charset=utf-8");
}

TEST(mime_types, say_when_a_file_is_not_there) {
  mime_types types;
  EXPECT_FALSE(types.load("/nonexistent/mime.types"));
}

}  // namespace
}  // namespace http
