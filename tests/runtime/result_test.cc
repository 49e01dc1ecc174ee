#include "gyre/runtime/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>
#include <type_traits>

namespace gyre {
namespace {

TEST(result, holds_a_value_or_an_error) {
  result<int> good = 5;
  EXPECT_TRUE(good);
  EXPECT_TRUE(good.has_value());
  EXPECT_EQ(*good, 5);
  EXPECT_EQ(good.value(), 5);
  EXPECT_EQ(good.error(), std::error_code());

  result<int> bad = std::errc::connection_refused;
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error(), std::errc::connection_refused);
  EXPECT_EQ(std::move(bad).value_or(3), 3);
  EXPECT_EQ(std::move(good).value_or(3), 5);
}

TEST(result, of_nothing_holds_success_or_an_error) {
  const result<void> good;
  EXPECT_TRUE(good);
  EXPECT_EQ(good.error(), std::error_code());
  EXPECT_NO_THROW(good.value());
  const result<void> bad = errno_error(EPIPE);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error(), std::errc::broken_pipe);
  EXPECT_THROW(bad.value(), std::system_error);
}

TEST(result, throws_its_error_where_a_value_is_asked_for) {
  result<std::string> bad = std::errc::timed_out;
  try {
    (void)bad.value();
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::timed_out);
  }
  const result<std::string> constant = std::errc::timed_out;
  EXPECT_THROW((void)constant.value(), std::system_error);
  EXPECT_THROW((void)std::move(bad).value(), std::system_error);
}

TEST(result, gives_the_error_of_the_kernel_by_its_number) {
  EXPECT_EQ(errno_error(ECANCELED), std::errc::operation_canceled);
  EXPECT_EQ(errno_error(EMFILE).value(), EMFILE);
  EXPECT_EQ(errno_error(ENOENT).message(), "No such file or directory");
}

TEST(result, moves_what_can_only_be_moved) {
  result<std::unique_ptr<int>> made = std::make_unique<int>(4);
  EXPECT_EQ(**made, 4);
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 4);
  static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
}

TEST(result, lets_its_value_be_used_and_changed_in_place) {
  result<std::string> text = std::string("abc");
  text->push_back('d');
  *text += "e";
  EXPECT_EQ(text->size(), 5U);
  const result<std::string> constant = std::string("abc");
  EXPECT_EQ(constant->size(), 3U);
  EXPECT_EQ(*constant, "abc");
  EXPECT_EQ(constant.value(), "abc");
}

TEST(result, costs_no_more_than_its_parts) {
  static_assert(sizeof(result<void>) == sizeof(std::error_code));
  static_assert(sizeof(result<int>) <= sizeof(std::error_code) + sizeof(void*));
  static_assert(std::is_trivially_destructible_v<result<std::size_t>>);
  static_assert(std::is_nothrow_move_constructible_v<result<std::string>>);
  static_assert(is_result<result<int>> && !is_result<int>);
}

TEST(result_death, read_without_a_test_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  result<int> bad = std::errc::timed_out;
  EXPECT_DEATH((void)*bad, "a result was read that holds an error");
  EXPECT_DEATH((void)bad.operator->(), "a result was read that holds an error");
}

}  // namespace
}  // namespace gyre
