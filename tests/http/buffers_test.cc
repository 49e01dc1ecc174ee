#include <cstring>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include "gyre/examples/http/block_pool.h"
#include "gyre/examples/http/input.h"
#include "gyre/examples/http/output.h"
#include "gyre/tests/http/server_process.h"

namespace http {
namespace {

void put(input& in, std::string_view text) {
  while (!text.empty()) {
    const auto space = in.free_space();
    const std::size_t count = std::min(space.size(), text.size());
    std::memcpy(space.data(), text.data(), count);
    in.add(count);
    text.remove_prefix(count);
  }
}

std::string text_of(const output& out) {
  return {reinterpret_cast<const char*>(out.bytes().data()), out.size()};
}

TEST(block_pool, gives_out_the_same_block_again) {
  block_pool pool(64, 2);
  auto first = pool.take();
  const char* address = first.bytes().data();
  EXPECT_EQ(first.bytes().size(), 64U);
  first.release();
  EXPECT_EQ(pool.take().bytes().data(), address);
  EXPECT_EQ(pool.leased(), 0U);
}

TEST(block_pool, keeps_no_more_than_it_should) {
  block_pool pool(64, 2);
  {
    auto a = pool.take();
    auto b = pool.take();
    auto c = pool.take();
    auto moved = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(pool.leased(), 3U);
  }
  EXPECT_EQ(pool.leased(), 0U);
  EXPECT_EQ(pool.idle(), 2U);
}

TEST(input, keeps_a_message_that_outgrows_it) {
  block_pools blocks;
  input in(blocks);
  const std::string message = pattern(20'000);
  put(in, message.substr(0, 100));
  EXPECT_EQ(blocks.large.leased(), 0U);
  put(in, message.substr(100));
  EXPECT_EQ(in.message(), message);
  EXPECT_EQ(blocks.large.leased(), 1U);
  in.drop_front(message.size());
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(blocks.large.leased(), 0U);
}

TEST(input, moves_the_rest_of_several_messages_to_the_front) {
  block_pools blocks;
  input in(blocks);
  for (int round = 0; round < 1000; ++round) {
    put(in, "first second");
    in.drop_front(6);
    EXPECT_EQ(in.message(), "second");
    put(in, " and more");
    EXPECT_EQ(in.message(), "second and more");
    in.drop_front(15);
  }
  EXPECT_EQ(blocks.large.leased(), 0U);
}

TEST(input, says_when_there_is_no_more_room) {
  block_pools blocks;
  input in(blocks);
  put(in, pattern(blocks.large.block_size()));
  EXPECT_TRUE(in.free_space().empty());
  in.keep_front(10);
  EXPECT_EQ(in.message(), pattern(10));
  EXPECT_FALSE(in.free_space().empty());
}

TEST(output, grows_from_a_small_block_to_a_large_one) {
  block_pools blocks;
  output out(blocks);
  EXPECT_TRUE(out.make_room(10));
  out.append("head");
  out.append_number(42);
  EXPECT_EQ(blocks.large.leased(), 0U);
  EXPECT_TRUE(out.make_room(blocks.small.block_size()));
  EXPECT_EQ(blocks.small.leased(), 0U);
  EXPECT_EQ(blocks.large.leased(), 1U);
  EXPECT_EQ(text_of(out), "head42");
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(blocks.large.leased(), 0U);
}

TEST(output, refuses_more_than_fits) {
  block_pools blocks;
  output out(blocks);
  EXPECT_FALSE(out.make_room(out.fits_empty() + 1));
  EXPECT_TRUE(out.make_room(out.fits_empty()));
  out.append("x");
  EXPECT_FALSE(out.make_room(out.fits_empty()));
  EXPECT_EQ(text_of(out), "x");
}

TEST(output, takes_nothing_as_well) {
  block_pools blocks;
  output out(blocks);
  out.append("");
  EXPECT_TRUE(out.empty());
}

TEST(output, forgets_what_is_taken_back) {
  block_pools blocks;
  output out(blocks);
  EXPECT_TRUE(out.make_room(100));
  out.append("one");
  out.claim(50);
  out.truncate(3);
  out.append("two");
  EXPECT_EQ(text_of(out), "onetwo");
}

using output_death_test = testing::Test;

TEST(output_death_test, an_answer_without_room_is_a_mistake) {
  block_pools blocks;
  output out(blocks);
  EXPECT_DEATH(out.append("x"), "an answer is longer than the room for it");
}

}  // namespace
}  // namespace http
