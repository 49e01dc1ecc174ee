#include "gyre/runtime/inbox.h"

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gyre {
namespace {

/// Notes what becomes of it.
class letter final : public message {
 public:
  letter(int number, std::vector<int>& arrived, std::vector<int>& returned)
      : number_(number), arrived_(&arrived), returned_(&returned) {}

 private:
  void delivered() noexcept override { arrived_->push_back(number_); }
  void discarded() noexcept override { returned_->push_back(number_); }

  int number_;
  std::vector<int>* arrived_;
  std::vector<int>* returned_;
};

class an_inbox : public testing::Test {
 protected:
  letter letter_number(int number) { return letter(number, arrived, returned); }

  inbox box;
  std::uint64_t delivered = 0;
  std::vector<int> arrived;
  std::vector<int> returned;
};

TEST_F(an_inbox, delivers_in_the_order_of_posting) {
  letter one = letter_number(1);
  letter two = letter_number(2);
  EXPECT_TRUE(box.empty());
  EXPECT_FALSE(box.post(one));
  EXPECT_FALSE(box.post(two));
  EXPECT_FALSE(box.empty());
  box.deliver(delivered);
  EXPECT_EQ(arrived, (std::vector{1, 2}));
  EXPECT_EQ(delivered, 2U);
  EXPECT_TRUE(box.empty());
  box.close();
}

TEST_F(an_inbox, lets_nobody_sleep_who_has_messages) {
  letter one = letter_number(1);
  EXPECT_FALSE(box.post(one));
  EXPECT_FALSE(box.fall_asleep());
  box.close();
  EXPECT_EQ(returned, std::vector{1});
}

TEST_F(an_inbox, has_a_sleeper_woken_by_the_first_sender_alone) {
  letter one = letter_number(1);
  letter two = letter_number(2);
  ASSERT_TRUE(box.fall_asleep());
  EXPECT_TRUE(box.post(one));
  EXPECT_FALSE(box.post(two));
  box.rang();
  box.wake_up();
  box.deliver(delivered);
  EXPECT_EQ(arrived, (std::vector{1, 2}));
  box.close();
}

TEST_F(an_inbox, has_nobody_woken_who_woke_by_himself) {
  letter one = letter_number(1);
  ASSERT_TRUE(box.fall_asleep());
  box.wake_up();
  EXPECT_FALSE(box.post(one));
  box.deliver(delivered);
  box.close();
}

TEST_F(an_inbox, stays_until_the_sender_that_wakes_has_done_so) {
  letter one = letter_number(1);
  ASSERT_TRUE(box.fall_asleep());
  std::atomic<bool> posted = false;
  std::atomic<bool> rang = false;
  std::thread sender([&] {
    EXPECT_TRUE(box.post(one));
    posted = true;
    for (int i = 0; i < 100; ++i) sched_yield();
    rang = true;
    box.rang();
  });
  while (!posted) sched_yield();
  box.wake_up();
  box.deliver(delivered);
  box.close();
  EXPECT_TRUE(rang);
  sender.join();
}

}  // namespace
}  // namespace gyre
