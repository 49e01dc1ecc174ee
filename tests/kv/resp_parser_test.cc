#include "gyre/examples/kv/resp_parser.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/examples/kv/settings.h"

namespace kv {
namespace {

using progress = resp_parser::progress;
using words = std::vector<std::string>;

/// Takes what comes in pieces, as a connection does.
class reader {
 public:
  explicit reader(const limits& limits) : parser_(limits) {}

  /// The commands that are complete now. "failed: " and why, where one is none.
  std::vector<words> take(std::string_view piece) {
    bytes_.append(piece);
    std::vector<words> taken;
    for (;;) {
      const progress progress = parser_.parse(bytes_);
      if (progress == progress::more) return taken;
      if (progress == progress::failed) {
        taken.push_back({"failed: " + parser_.failure()});
        return taken;
      }
      const auto arguments = parser_.arguments(bytes_);
      taken.emplace_back(arguments.begin(), arguments.end());
      bytes_.erase(0, parser_.size());
      parser_.next();
    }
  }
  bool empty() const { return bytes_.empty(); }

 private:
  resp_parser parser_;
  std::string bytes_;
};

std::string array(const words& arguments) {
  std::string bytes = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& each : arguments)
    bytes += "$" + std::to_string(each.size()) + "\r\n" + each + "\r\n";
  return bytes;
}

TEST(resp_parser, finds_the_same_commands_wherever_the_bytes_are_divided) {
  const limits limits;
  const std::string binary("\0\r\n$3\r\n*1\r\n\xff", 13);
  const std::vector<words> expected = {{"SET", "key", binary},
                                       {},
                                       {"get", "key"},
                                       {},
                                       {"PING"},
                                       {"a", ""},
                                       {"SET", "b", std::string(300, 'x')}};
  const std::string bytes = array(expected[0]) + "*0\r\n" + " get\tkey \r\n" + "\n" + "PING\n" +
                            array(expected[5]) + array(expected[6]);
  EXPECT_EQ(reader(limits).take(bytes), expected);
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    reader two(limits);
    std::vector<words> taken = two.take(std::string_view(bytes).substr(0, at));
    for (words& each : two.take(std::string_view(bytes).substr(at)))
      taken.push_back(std::move(each));
    EXPECT_EQ(taken, expected) << "divided at " << at;
    EXPECT_TRUE(two.empty());
  }
  reader single(limits);
  std::vector<words> taken;
  for (const char byte : bytes)
    for (words& each : single.take({&byte, 1})) taken.push_back(std::move(each));
  EXPECT_EQ(taken, expected);
}

/// Whether these bytes, and the same ones one by one, are refused with a sentence that has `part`.
void expect_failure(std::string_view bytes, std::string_view part) {
  limits limits;
  limits.value_max = 100;
  limits.arguments_max = 3;
  const std::vector<words> whole = reader(limits).take(bytes);
  ASSERT_EQ(whole.size(), 1U) << bytes;
  EXPECT_TRUE(whole[0][0].starts_with("failed: ")) << whole[0][0];
  EXPECT_NE(whole[0][0].find(part), std::string::npos) << whole[0][0];
  EXPECT_EQ(whole[0][0].find_first_of("\r\n"), std::string::npos) << whole[0][0];
  reader single(limits);
  std::vector<words> taken;
  for (const char byte : bytes)
    if (taken.empty()) taken = single.take({&byte, 1});
  EXPECT_EQ(taken, whole);
}

TEST(resp_parser, says_what_came_and_what_was_expected) {
  expect_failure("*4\r\n", "invalid multibulk length 4, expected 0 to 3");
  expect_failure("*x\r\n", "invalid multibulk length 'x'");
  expect_failure("*\r\n", "invalid multibulk length ''");
  expect_failure("*1x\r\n", "invalid multibulk length '1x'");
  expect_failure("*01\r\n", "invalid multibulk length '01'");
  expect_failure("*1\r\n$-0\r\n", "invalid bulk length '-0'");
  expect_failure("*1\rx", "invalid multibulk length '1'");
  expect_failure("*99999999999999999999\r\n", "invalid multibulk length");
  expect_failure("*1" + std::string(40, '1'), "invalid multibulk length");
  expect_failure("*1\r\nGET\r\n", "expected '$', got 'G'");
  expect_failure("*1\r\n$-1\r\n", "invalid bulk length -1, expected 0 to 100");
  expect_failure("*1\r\n$101\r\n", "invalid bulk length 101, expected 0 to 100");
  expect_failure("*1\r\n$3\r\nGETxx", "expected \\r\\n behind a bulk string of 3 bytes, got 'xx'");
  expect_failure("SET key \"a value\"\r\n", "quotes");
  expect_failure("a b c d\r\n", "too many words, expected 3");
  expect_failure(std::string(70'000, 'a'), "too long a line");
}

TEST(resp_parser, bounds_all_arguments_of_a_command_together) {
  limits limits;
  limits.value_max = 1 << 20;
  std::string bytes = "*1000\r\n";
  const std::string part = "$524288\r\n" + std::string(524288, 'x') + "\r\n";
  reader reader(limits);
  EXPECT_TRUE(reader.take(bytes).empty());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(reader.take(part).empty());
  const std::vector<words> failed = reader.take(part);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_NE(failed[0][0].find("too large a command, expected 2097152"), std::string::npos);
}

}  // namespace
}  // namespace kv
