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
#include "gyre/runtime/event.h"
#include "gyre/runtime/inbox.cc"
#include "gyre/runtime/linked_operations.cc"
#include "gyre/runtime/loop.cc"
#include "gyre/runtime/operation.cc"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.cc"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/sleep.h"
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

/// A task waits for a permit, which a thread gives, and is stopped at any time meanwhile.
class semaphore_model : public rl::test_suite<semaphore_model, 2> {
 public:
  semaphore_model() { current_loop = nullptr; }

  void before() { home_ = std::make_unique<loop>(std::make_unique<looking_backend>()); }
  void thread(unsigned index) {
    if (index == 1) return desks_.release();
    run_on(*home_, stop_while_waiting());
    home_.reset();
  }
  void after() { RL_ASSERT(desks_.available() + acquired_ == 1); }

 private:
  task<> acquire() {
    auto permit = co_await desks_.acquire();
    if (permit) acquired_ += permit->keep();
  }
  task<> stop_while_waiting() {
    co_await with_scope([this](scope& children) -> task<> {
      children.spawn(acquire());
      co_await yield();
      children.request_stop();
    });
  }

  cross_semaphore desks_{0};
  std::unique_ptr<loop> home_;
  std::size_t acquired_ = 0;
};

/// A task destroys an event as soon as that has happened, while the thread that set it may still be
/// on its way out.
class event_model : public rl::test_suite<event_model, 2> {
 public:
  event_model() { current_loop = nullptr; }

  void before() {
    home_ = std::make_unique<loop>(std::make_unique<looking_backend>());
    happened_ = std::make_unique<cross_event>();
  }
  void thread(unsigned index) {
    if (index == 1) return happened_->set();
    run_on(*home_, wait_and_destroy());
    home_.reset();
  }

 private:
  task<> wait_and_destroy() {
    const auto happened = co_await happened_->wait();
    RL_ASSERT(happened.has_value());
    happened_.reset();
  }

  std::unique_ptr<cross_event> happened_;
  std::unique_ptr<loop> home_;
};

/// A task waits at two channels, and is stopped at any time meanwhile; a thread comes to each.
class select_model : public rl::test_suite<select_model, 3> {
 public:
  select_model() { current_loop = nullptr; }

  void before() { home_ = std::make_unique<loop>(std::make_unique<looking_backend>()); }
  void thread(unsigned index) {
    if (index > 0) {
      taken_[index] = channels_[index - 1].try_send(1).has_value();
      return;
    }
    run_on(*home_, stop_while_waiting());
    home_.reset();
  }
  void after() { RL_ASSERT(taken_[1] + taken_[2] == received_); }

 private:
  task<> receive() {
    const auto got = co_await select(channels_[0].receive(), channels_[1].receive());
    received_ += got.has_value();
  }
  task<> stop_while_waiting() {
    co_await with_scope([this](scope& children) -> task<> {
      children.spawn(receive());
      co_await yield();
      children.request_stop();
    });
  }

  std::array<cross_channel<int>, 2> channels_{cross_channel<int>(0), cross_channel<int>(0)};
  std::unique_ptr<loop> home_;
  std::array<int, 3> taken_{};
  int received_ = 0;
};

TEST(loop_model, takes_one_value_by_a_select_or_none) {
  EXPECT_EQ(model::explore<select_model>(20'000, ::std::cout), "SUCCESS");
}

TEST(loop_model, loses_no_permit_by_a_stop) {
  EXPECT_EQ(model::explore<semaphore_model>(20'000, ::std::cout), "SUCCESS");
}

TEST(loop_model, lets_who_is_woken_destroy_what_woke_it) {
  EXPECT_EQ(model::explore<event_model>(20'000, ::std::cout), "SUCCESS");
}

TEST(loop_model, wakes_for_each_value_that_comes_through_a_channel) {
  EXPECT_EQ(model::explore<channel_model>(50'000, ::std::cout), "SUCCESS");
}

TEST(loop_model, needs_each_of_its_memory_orders) {
  EXPECT_EQ(model::unnoticed_weakenings<channel_model>(20'000, "/inbox."),
            std::vector<std::string>());
}

}  // namespace
}  // namespace gyre
