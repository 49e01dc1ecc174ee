#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string content(const char* path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// A newcomer types in what README.md shows: it must be the example that is built.
TEST(Readme, ShowsTheServerThatIsBuilt) {
  const std::string server = content("examples/hello_server.cc");
  EXPECT_NE(content("README.md").find("```cpp\n" + server + "```"), std::string::npos);
}

}  // namespace
