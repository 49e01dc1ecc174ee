#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gyre/tests/models/bell.h"
#include "gyre/tests/models/exploration.h"
#include "gyre/tests/models/relacy_std.h"

// The product's own, with Relacy's atomics.
#include "gyre/runtime/inbox.cc"

namespace gyre {
namespace {

using model::here;

class letter final : public message {
 public:
  void write(int number) { number_(here()) = number; }
  void expect_after(int& last) { last_ = &last; }

 private:
  void delivered() noexcept override {
    const int number = number_(here());
    RL_ASSERT(number == *last_ + 1);
    *last_ = number;
  }

  rl::var<int> number_;
  int* last_ = nullptr;
};

/// A receiver that sleeps when it has nothing to do, and is gone when it has received all.
class inbox_model : public rl::test_suite<inbox_model, 3> {
 public:
  void before() { home_ = std::make_unique<home>(); }
  void thread(unsigned index) {
    if (index == 0)
      receive();
    else
      send(index - 1);
  }

 private:
  static constexpr unsigned senders = 2;
  static constexpr int letters_each = 2;

  struct home {
    inbox box;
    model::bell bell;
  };

  void send(unsigned sender) {
    for (int number = 1; number <= letters_each; ++number) {
      letter& next = letters_[sender][number - 1];
      next.expect_after(last_[sender]);
      next.write(number);
      if (!home_->box.post(next)) continue;
      home_->bell.ring();
      home_->box.rang();
    }
  }

  void receive() {
    for (std::uint64_t received = 0; received < senders * letters_each;) {
      if (home_->box.fall_asleep()) {
        const bool deadline_comes_first = model::any_below(4) == 0;
        if (!deadline_comes_first) home_->bell.wait();
        home_->box.wake_up();
      }
      if (!home_->box.empty()) home_->box.deliver(received);
    }
    home_->box.close();
    home_.reset();
  }

  std::unique_ptr<home> home_;
  std::array<std::array<letter, letters_each>, senders> letters_;
  std::array<int, senders> last_{};
};

TEST(inbox_model, delivers_everything_in_order_and_can_then_be_destroyed) {
  EXPECT_EQ(model::explore<inbox_model>(100'000, ::std::cout), "SUCCESS");
}

TEST(inbox_model, needs_each_of_its_memory_orders) {
  EXPECT_EQ(model::unnoticed_weakenings<inbox_model>(20'000, "/inbox."),
            std::vector<std::string>());
}

}  // namespace
}  // namespace gyre
