#include "gyre/examples/http/validators.h"

#include <gtest/gtest.h>

namespace http {
namespace {

const validators file(1000, 784111777, 5);
constexpr std::string_view modified = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view later = "Sun, 06 Nov 1994 08:49:38 GMT";

std::string tag() {
  return std::string(file.entity_tag());
}

TEST(validators, differ_with_size_and_time) {
  EXPECT_EQ(tag(), validators(1000, 784111777, 5).entity_tag());
  EXPECT_NE(tag(), validators(1001, 784111777, 5).entity_tag());
  EXPECT_NE(tag(), validators(1000, 784111778, 5).entity_tag());
  EXPECT_NE(tag(), validators(1000, 784111777, 6).entity_tag());
  EXPECT_EQ(file.last_modified(), modified);
  const validators largest(UINT64_MAX, -1, UINT32_MAX);
  EXPECT_EQ(largest.entity_tag(), "\"ffffffffffffffff.ffffffff.ffffffffffffffff\"");
}

preconditions none_match(const std::string& field) {
  request asked;
  asked.if_none_match = field;
  return evaluate_preconditions(asked, file);
}

TEST(if_none_match, finds_the_tag_in_a_list) {
  EXPECT_EQ(none_match(tag()), preconditions::not_modified);
  EXPECT_EQ(none_match("W/" + tag()), preconditions::not_modified);
  EXPECT_EQ(none_match("\"other\", W/\"x,y\" ," + tag()), preconditions::not_modified);
  EXPECT_EQ(none_match("*"), preconditions::not_modified);
}

TEST(if_none_match, finds_no_other) {
  for (const char* field : {"\"other\"", "other", "\"", "W/", ",,,", "\"a\" b"})
    EXPECT_EQ(none_match(field), preconditions::met) << field;
}

TEST(if_none_match, goes_before_if_modified_since) {
  request asked;
  asked.if_none_match = "\"other\"";
  asked.if_modified_since = later;
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::met);
}

TEST(if_modified_since, compares_the_time) {
  request asked;
  for (const auto& [field, expected] :
       {std::pair(earlier, preconditions::met), std::pair(modified, preconditions::not_modified),
        std::pair(later, preconditions::not_modified),
        std::pair(std::string_view("rubbish"), preconditions::met)}) {
    asked.if_modified_since = field;
    EXPECT_EQ(evaluate_preconditions(asked, file), expected) << field;
  }
}

TEST(if_match, fails_for_another_version) {
  request asked;
  const std::string mine = tag();
  const std::string weak = "W/" + mine;
  asked.if_match = mine;
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::met);
  asked.if_match = "*";
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::met);
  asked.if_match = weak;  // a weak tag is never the same bytes
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::failed);
  asked.if_match = "\"other\"";
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::failed);
}

TEST(if_unmodified_since, fails_for_a_later_version) {
  request asked;
  asked.if_unmodified_since = earlier;
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::failed);
  asked.if_unmodified_since = modified;
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::met);
  asked.if_unmodified_since = "rubbish";
  EXPECT_EQ(evaluate_preconditions(asked, file), preconditions::met);
}

TEST(if_range, holds_for_this_version_alone) {
  request asked;
  EXPECT_TRUE(range_applies(asked, file));
  const std::string mine = tag();
  const std::string weak = "W/" + mine;
  asked.if_range = mine;
  EXPECT_TRUE(range_applies(asked, file));
  asked.if_range = modified;
  EXPECT_TRUE(range_applies(asked, file));
  for (const std::string_view field : {std::string_view(weak), std::string_view("\"other\""), later,
                                       earlier, std::string_view("rubbish")}) {
    asked.if_range = field;
    EXPECT_FALSE(range_applies(asked, file)) << field;
  }
}

}  // namespace
}  // namespace http
