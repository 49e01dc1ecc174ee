#include "gyre/examples/http/byte_ranges.h"

#include <vector>

#include <gtest/gtest.h>

namespace http {
namespace {

using verdict = enum byte_ranges::verdict;

std::vector<byte_range> parts_of(std::string_view field, std::uint64_t size) {
  const byte_ranges ranges(field, size);
  EXPECT_EQ(ranges.verdict(), verdict::satisfiable) << field;
  return {ranges.parts().begin(), ranges.parts().end()};
}

verdict verdict_of(std::string_view field, std::uint64_t size) {
  return byte_ranges(field, size).verdict();
}

TEST(byte_ranges, takes_the_three_forms) {
  EXPECT_EQ(parts_of("bytes=2-5", 10), std::vector({byte_range(2, 4)}));
  EXPECT_EQ(parts_of("bytes=2-", 10), std::vector({byte_range(2, 8)}));
  EXPECT_EQ(parts_of("bytes=-3", 10), std::vector({byte_range(7, 3)}));
  EXPECT_EQ(parts_of("Bytes=0-0", 10), std::vector({byte_range(0, 1)}));
}

TEST(byte_ranges, end_with_the_file) {
  EXPECT_EQ(parts_of("bytes=5-100", 10), std::vector({byte_range(5, 5)}));
  EXPECT_EQ(parts_of("bytes=-100", 10), std::vector({byte_range(0, 10)}));
  EXPECT_EQ(parts_of("bytes=9-99999999999999999999999999", 10), std::vector({byte_range(9, 1)}));
  EXPECT_EQ(parts_of("bytes=1-", UINT64_MAX), std::vector({byte_range(1, UINT64_MAX - 1)}));
}

TEST(byte_ranges, keep_their_order_and_lose_those_behind_the_end) {
  EXPECT_EQ(parts_of("bytes=6-7, 0-1 ,50-60,,-1", 10),
            std::vector({byte_range(6, 2), byte_range(0, 2), byte_range(9, 1)}));
}

TEST(byte_ranges, are_unsatisfiable_when_all_lie_behind_the_end) {
  EXPECT_EQ(verdict_of("bytes=10-", 10), verdict::unsatisfiable);
  EXPECT_EQ(verdict_of("bytes=10-20,30-", 10), verdict::unsatisfiable);
  EXPECT_EQ(verdict_of("bytes=-0", 10), verdict::unsatisfiable);
  EXPECT_EQ(verdict_of("bytes=0-", 0), verdict::unsatisfiable);
}

TEST(byte_ranges, are_ignored_when_malformed) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5", "bytes=5-2", "bytes=1-2-3",
        "bytes=0x1-2", "bytes=+1-2", "bytes=1 -2", "lines=1-2", "bytes=1-2,x", "bytes=,"})
    EXPECT_EQ(verdict_of(field, 10), verdict::ignore) << field;
}

TEST(byte_ranges, are_ignored_when_they_cost_more_than_the_file) {
  EXPECT_EQ(verdict_of("bytes=0-,0-", 10), verdict::ignore);
  EXPECT_EQ(verdict_of("bytes=0-8,1-9", 10), verdict::ignore);
  std::string many = "bytes=0-0";
  for (int i = 1; i < 17; ++i) many += "," + std::to_string(i) + "-" + std::to_string(i);
  EXPECT_EQ(verdict_of(many, 1000), verdict::ignore);
}

}  // namespace
}  // namespace http
