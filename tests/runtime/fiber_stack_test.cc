#include "gyre/runtime/fiber_stack.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace gyre::testing_runtime {
namespace {

constexpr std::size_t usual = std::size_t{256} << 10;
constexpr int kept = static_cast<int>(fiber_stack::idle_bytes_max / usual);

TEST(fiber_stack, is_rounded_up_to_a_power_of_two) {
  EXPECT_EQ(fiber_stack::rounded(16 << 10), std::size_t{16} << 10);
  EXPECT_EQ(fiber_stack::rounded((16 << 10) + 1), std::size_t{32} << 10);
  EXPECT_EQ(fiber_stack::rounded(1 << 30), std::size_t{1} << 30);
  EXPECT_THROW((void)fiber_stack::rounded(0), std::invalid_argument);
  EXPECT_THROW((void)fiber_stack::rounded((1 << 30) + 1), std::invalid_argument);
}

TEST(fiber_stack, can_be_written_from_its_top_to_its_lowest_byte) {
  for (std::size_t size = fiber_stack::size_min; size <= (4 << 20); size *= 2)
    for (int i = 0; i < 3; ++i) {
      const fiber_stack stack(size);
      EXPECT_EQ(stack.size(), size);
      EXPECT_EQ(stack.top() - stack.lowest(), static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(stack.top()) % 4096, 0U);
      std::memset(stack.lowest(), i, size);
    }
  EXPECT_EQ(fiber_stack::live(), 0);
}

TEST(fiber_stack, takes_no_memory_for_what_is_not_used) {
  std::vector<std::unique_ptr<fiber_stack>> stacks;
  for (int i = 0; i < 8; ++i) stacks.push_back(std::make_unique<fiber_stack>(256 << 20));
  for (const auto& each : stacks) *(each->top() - 1) = std::byte{1};
}

/// Takes `count` at once, and gives them back.
void take(int count) {
  std::vector<std::unique_ptr<fiber_stack>> stacks;
  for (int i = 0; i < count; ++i) stacks.push_back(std::make_unique<fiber_stack>(usual));
  EXPECT_EQ(fiber_stack::live(), count);
}

TEST(fiber_stack, comes_from_those_that_were_given_back) {
  std::thread([] {
    take(kept);
    EXPECT_EQ(fiber_stack::mapped(), kept);
    for (int i = 0; i < 5; ++i) take(kept);
    EXPECT_EQ(fiber_stack::mapped(), kept);
    for (int i = 1; i <= 5; ++i) {
      take(kept + 10);
      EXPECT_EQ(fiber_stack::mapped(), kept + 10 * i);
    }
    EXPECT_EQ(fiber_stack::live(), 0);
  }).join();
}

TEST(fiber_stack, is_not_kept_where_it_is_large) {
  const auto before = fiber_stack::mapped();
  for (int i = 0; i < 3; ++i) const fiber_stack stack(2 * fiber_stack::pooled_max);
  EXPECT_EQ(fiber_stack::mapped(), before + 3);
}

TEST(fiber_stack, may_be_given_back_on_another_thread) {
  auto stack = std::make_unique<fiber_stack>(usual);
  std::thread([&] {
    stack.reset();
    const auto before = fiber_stack::mapped();
    const fiber_stack again(usual);
    EXPECT_EQ(fiber_stack::mapped(), before);
  }).join();
}

TEST(fiber_stack_death, comes_of_touching_what_is_below) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const fiber_stack stack(usual);
  volatile std::byte* const lowest = stack.lowest();
  EXPECT_DEATH(lowest[-1] = std::byte{1}, "");
  EXPECT_DEATH(lowest[-static_cast<std::ptrdiff_t>(fiber_stack::guard_size)] = std::byte{1}, "");
}

}  // namespace
}  // namespace gyre::testing_runtime
