#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "gyre/benchmarks/load/exchange.h"

namespace gyre::load {
namespace {

std::string message_of(exchange& e, std::uint64_t now) {
  const std::span<const char> bytes = e.next(now);
  return {bytes.begin(), bytes.end()};
}

class echo_exchange_test : public testing::TestWithParam<std::size_t> {
 protected:
  echo_exchange_test() {
    options_.size = GetParam();
    exchange_ = make_echo_exchange(options_, 7);
    exchange_->reset(1000);
  }

  options options_;
  meter meter_;
  std::unique_ptr<exchange> exchange_;
};

INSTANTIATE_TEST_SUITE_P(sizes, echo_exchange_test, testing::Values(1, 3, 8, 9, 64, 1000));

TEST_P(echo_exchange_test, counts_an_echo_however_it_is_cut) {
  std::uint64_t now = 2000;
  for (std::size_t piece = 1; piece <= options_.size; piece++) {
    const std::string message = message_of(*exchange_, now);
    ASSERT_EQ(message.size(), options_.size);
    EXPECT_TRUE(exchange_->next(now).empty()) << "the next message waits for the echo";
    for (std::size_t from = 0; from < message.size(); from += piece) {
      const std::string part = message.substr(from, piece);
      ASSERT_EQ(exchange_->received(part, ++now, meter_), verdict::going_on);
    }
    EXPECT_EQ(exchange_->turn(), now);
  }
  EXPECT_EQ(meter_.total(), options_.size);
  EXPECT_EQ(meter_.errors(), 0u);
}

TEST_P(echo_exchange_test, notices_the_echo_of_an_earlier_message) {
  const std::string first = message_of(*exchange_, 2000);
  ASSERT_EQ(exchange_->received(first, 2001, meter_), verdict::going_on);
  message_of(*exchange_, 2002);
  // Messages too short for the whole stamp differ in the connection only.
  if (options_.size <= sizeof(std::uint32_t)) return;
  EXPECT_EQ(exchange_->received(first, 2003, meter_), verdict::broken);
  EXPECT_EQ(meter_.errors(), 1u);
}

TEST_P(echo_exchange_test, notices_the_echo_of_another_connection) {
  const auto other = make_echo_exchange(options_, 8);
  other->reset(1000);
  message_of(*exchange_, 2000);
  EXPECT_EQ(exchange_->received(message_of(*other, 2000), 2001, meter_), verdict::broken);
  EXPECT_EQ(meter_.total(), 0u);
}

TEST_P(echo_exchange_test, notices_bytes_that_nobody_sent) {
  const std::string message = message_of(*exchange_, 2000);
  EXPECT_EQ(exchange_->received(message + "x", 2001, meter_), verdict::broken);
  EXPECT_EQ(meter_.first_error(), "the server sent more than it was sent");
}

TEST(meter, knows_the_longest_wait_before_and_within_the_measured_time) {
  meter m;
  std::uint64_t turn = 100;
  m.completed(100, turn, 400);
  EXPECT_EQ(turn, 400u);
  m.start_measuring();
  m.completed(400, turn, 450);
  m.waited(60);
  EXPECT_EQ(m.longest_early_wait(), 300u);
  EXPECT_EQ(m.longest_wait(), 60u);
  EXPECT_EQ(m.messages(), 1u);
  EXPECT_EQ(m.total(), 2u);
}

}  // namespace
}  // namespace gyre::load
