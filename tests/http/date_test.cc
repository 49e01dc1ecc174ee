#include "gyre/examples/http/date.h"

#include <gtest/gtest.h>

namespace http {
namespace {

constexpr std::int64_t moment = 784111777;  // the example of RFC 9110

TEST(date, is_written_in_the_preferred_form) {
  EXPECT_EQ(date(moment).text(), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(0).text(), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(-1).text(), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(date(4102444800).text(), "Fri, 01 Jan 2100 00:00:00 GMT");
}

TEST(date, is_empty_where_it_has_no_four_digits) {
  EXPECT_EQ(date(INT64_MAX).text(), "");
  EXPECT_EQ(date(INT64_MIN).text(), "");
}

TEST(date, is_read_in_all_three_forms) {
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), moment);
  EXPECT_EQ(parse_date("Sunday, 06-Nov-94 08:49:37 GMT"), moment);
  EXPECT_EQ(parse_date("Sun Nov  6 08:49:37 1994"), moment);
}

TEST(date, is_not_read_from_anything_else) {
  for (const char* text : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37", "784111777",
                           "Sun, 06 Nov 1994 08:49:37 GMT and more",
                           "Sun, 06 Nov 1994 25:49:37 GMT", "1994-11-06T08:49:37Z"})
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
  EXPECT_EQ(parse_date(std::string(1000, 'x')), std::nullopt);
}

TEST(date_clock, tells_the_time) {
  date_clock clock;
  const auto now = parse_date(clock.now());
  ASSERT_TRUE(now);
  EXPECT_LE(std::abs(*now - std::time(nullptr)), 5);
  EXPECT_EQ(clock.now().size(), 29U);
}

}  // namespace
}  // namespace http
