#include "gyre/examples/http/listing.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include <gtest/gtest.h>
#include "gyre/tests/http/server_process.h"
#include "gyre/tests/io/sandbox.h"

namespace http {
namespace {

std::string list(const std::string& path, std::string_view asked) {
  gyre::descriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return list_directory(opened, asked).value();
}

TEST(listing, names_directories_first_and_in_order) {
  const temporary_directory directory;
  for (const char* name : {"b", "a", "z/inner", ".hidden"}) directory.write(name, "");
  const std::string page = list(directory.path(), ".");
  const std::size_t z = page.find("<a href=\"./z/\">z/</a>");
  const std::size_t a = page.find("<a href=\"./a\">a</a>");
  const std::size_t b = page.find("<a href=\"./b\">b</a>");
  EXPECT_LT(z, a);
  EXPECT_LT(a, b);
  EXPECT_LT(b, page.size());
  EXPECT_EQ(page.find("hidden"), std::string::npos);
  EXPECT_EQ(page.find("../"), std::string::npos);
  EXPECT_NE(list(directory.path(), "deep/").find("<a href=\"../\">"), std::string::npos);
}

TEST(listing, escapes_names) {
  const temporary_directory directory;
  directory.write("<b>&\"'x:y", "");
  const std::string page = list(directory.path(), "<i>/");
  EXPECT_NE(page.find("<a href=\"./%3Cb%3E&%22'x:y\">&lt;b&gt;&amp;&quot;&#39;x:y</a>"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("<title>/&lt;i&gt;/</title>"), std::string::npos);
}

TEST(listing, is_bounded) {
  const temporary_directory directory;
  for (const char* name : {"a", "b", "c"}) directory.write(name, "");
  gyre::descriptor opened(open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string all = list_directory(opened, ".", 5).value();
  EXPECT_EQ(all.find("There are more"), std::string::npos);  // "." and ".." count as well
  const std::string some = list_directory(opened, ".", 4).value();
  EXPECT_NE(some.find("There are more: this page looks at 4 names."), std::string::npos);
}

TEST(listing, says_when_there_is_no_directory) {
  gyre::descriptor none;
  EXPECT_FALSE(list_directory(none, "."));
}

TEST(listing, is_not_made_of_what_could_be_read_where_the_rest_could_not) {
  const temporary_directory directory;
  directory.write("a", "");
  const std::string told = gyre::in_child([&] {
    gyre::descriptor opened(open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    gyre::forbid({__NR_getdents64}, EIO);
    const auto page = list_directory(opened, ".");
    return page ? *page : page.error().message();
  });
  EXPECT_EQ(told, "Input/output error");
}

}  // namespace
}  // namespace http
