#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gyre/tests/models/bell.h"
#include "gyre/tests/models/exploration.h"
#include "gyre/tests/models/relacy_std.h"

// The product's own, with Relacy's atomics and locks.
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/inbox.cc"
#include "gyre/runtime/linked_operations.cc"
#include "gyre/runtime/loop.cc"
#include "gyre/runtime/operation.cc"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.cc"
#include "gyre/tests/models/looking_backend.h"

// As under AddressSanitizer: frames come from the heap, where Relacy sees which are forgotten.
#define __SANITIZE_ADDRESS__
#include "gyre/runtime/frame_pool.cc"
#undef __SANITIZE_ADDRESS__

namespace gyre {
namespace {

using model::here;

/// Tasks of a loop receive what threads send, and the loop is gone when they have all.
class channel_model : public rl::test_suite<channel_model, 3> {
 public:
  channel_model() { current_loop = nullptr; }  // of an iteration that failed

  void before() { home_ = std::make_unique<loop>(std::make_unique<looking_backend>()); }
  void thread(unsigned index) {
    if (index == 0)
      receive();
    else
      send(index);
  }

 private:
  static constexpr int senders = 2;

  void send(unsigned sender) {
    contents_[sender](here()) = sender;
    // Once there is room: the receiver is slower at times.
    while (!channel_.try_send(static_cast<int>(sender))) rl::yield(1, here());
  }

  task<> receive_all() {
    for (int left = senders; left > 0; --left) {
      const int sender = (co_await channel_.receive()).value();
      const unsigned content = contents_[sender](here());
      RL_ASSERT(content == static_cast<unsigned>(sender));
    }
  }
  void receive() {
    run_on(*home_, receive_all());
    home_.reset();
  }

  cross_channel<int> channel_{1};
  std::unique_ptr<loop> home_;
  std::array<rl::var<unsigned>, senders + 1> contents_;
};

TEST(loop_model, wakes_for_each_value_that_comes_through_a_channel) {
  EXPECT_EQ(model::explore<channel_model>(50'000, ::std::cout), "SUCCESS");
}

TEST(loop_model, needs_each_of_its_memory_orders) {
  EXPECT_EQ(model::unnoticed_weakenings<channel_model>(20'000, "/inbox."),
            std::vector<std::string>());
}

}  // namespace
}  // namespace gyre
