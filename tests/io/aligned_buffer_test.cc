#include "gyre/io/aligned_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace gyre {
namespace {

TEST(aligned_buffer, begins_at_its_alignment_and_is_a_multiple_of_it) {
  for (const std::size_t alignment : {1U, 4U, 512U, 4096U, 65536U}) {
    for (const std::size_t size : {1U, 511U, 512U, 513U, 70000U}) {
      aligned_buffer buffer(size, alignment);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % alignment, 0U);
      EXPECT_EQ(buffer.size() % alignment, 0U);
      EXPECT_GE(buffer.size(), size);
      EXPECT_LT(buffer.size() - size, alignment);
      EXPECT_TRUE(
          std::ranges::all_of(buffer.bytes(), [](std::byte b) { return b == std::byte{}; }));
      std::ranges::fill(buffer.bytes(), std::byte{7});
    }
  }
}

TEST(aligned_buffer, may_be_empty) {
  EXPECT_EQ(aligned_buffer().size(), 0U);
  EXPECT_TRUE(aligned_buffer(0, 4096).bytes().empty());
}

TEST(aligned_buffer, keeps_its_bytes_when_it_is_moved) {
  aligned_buffer first(512, 512);
  first.bytes()[511] = std::byte{7};
  const std::byte* const begin = first.bytes().data();
  aligned_buffer second(std::move(first));
  EXPECT_EQ(second.bytes().data(), begin);
  aligned_buffer third(4096, 4096);
  third = std::move(second);
  EXPECT_EQ(third.bytes().data(), begin);
  EXPECT_EQ(third.bytes()[511], std::byte{7});
}

TEST(aligned_buffer, of_impossible_size_is_bad_alloc) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW(aligned_buffer(most, 4096), std::bad_alloc);
  EXPECT_THROW(aligned_buffer(most / 2, 4096), std::bad_alloc);
}

TEST(aligned_buffer, has_a_power_of_two_as_alignment) {
  EXPECT_DEATH(aligned_buffer(512, 513), "no power of two");
  EXPECT_DEATH(aligned_buffer(512, 0), "no power of two");
}

}  // namespace
}  // namespace gyre
