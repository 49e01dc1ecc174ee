#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Counts itself, and sets `all` at the last.
class counted final : public message {
 public:
  void aim(std::vector<std::uint64_t>* last_of, std::size_t sender, std::uint64_t number,
           std::uint64_t* left, event* all) {
    last_of_ = last_of, sender_ = sender, number_ = number, left_ = left, all_ = all;
  }

 private:
  void delivered() noexcept override {
    EXPECT_EQ(number_, (*last_of_)[sender_] + 1) << "out of order";
    (*last_of_)[sender_] = number_;
    if (--*left_ == 0) all_->set();
  }

  std::vector<std::uint64_t>* last_of_ = nullptr;
  std::size_t sender_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t* left_ = nullptr;
  event* all_ = nullptr;
};

GYRE_TEST_UNDISTURBED(post, a_million_messages_from_other_threads_arrive_once_and_in_order,
                      "a million messages take too long") {
  constexpr std::size_t senders = 4;
  constexpr std::uint64_t each = 250'000;
  loop& home = loop::current();
  std::vector<std::uint64_t> last_of(senders);
  std::uint64_t left = senders * each;
  event all;
  std::vector<std::vector<counted>> messages;
  for (std::size_t sender = 0; sender < senders; ++sender) {
    messages.emplace_back(each);
    for (std::uint64_t i = 0; i < each; ++i)
      messages[sender][i].aim(&last_of, sender, i + 1, &left, &all);
  }
  std::vector<std::thread> threads;
  for (auto& mine : messages)
    threads.emplace_back([&home, &mine] {
      for (counted& one : mine) home.post(one);
    });
  (void)co_await all.wait();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(home.counters().messages, senders * each);
}

/// Sets an event at its delivery.
class bell final : public message {
 public:
  explicit bell(event& rung) : rung_(rung) {}

 private:
  void delivered() noexcept override { rung_.set(); }
  event& rung_;
};

// Each message finds the loop asleep or about to be: one lost wake-up, and this never ends. What is
// on its way can't be taken back, so who is asked to stop waits for it all the same.
GYRE_TEST(post, a_loop_that_has_nothing_to_do_wakes_for_each_message) {
  loop& home = loop::current();
  std::atomic<message*> next = nullptr;
  const std::jthread sender([&](const std::stop_token& over) {
    while (!over.stop_requested())
      if (message* due = next.exchange(nullptr)) home.post(*due);
  });
  for (int i = 0; i < times(10'000); ++i) {
    event rung;
    bell ring(rung);
    next = &ring;
    const auto waited = co_await rung.wait();
    while (!rung.is_set()) co_await yield();
    waited.value();
  }
}

GYRE_TEST(post, a_message_of_the_loop_to_itself_is_delivered) {
  event rung;
  bell ring(rung);
  loop::current().post(ring);
  EXPECT_FALSE(rung.is_set());
  (void)co_await rung.wait();
  while (!rung.is_set()) co_await yield();
}

/// Goes back and forth between two loops until it has been delivered `left` times.
class ball final : public message {
 public:
  ball(loop& here, loop& there, int left, event& here_over, event& there_over)
      : to_(&there), from_(&here), left_(left), to_over_(&there_over), from_over_(&here_over) {}

 private:
  void delivered() noexcept override {
    std::swap(to_, from_);
    std::swap(to_over_, from_over_);
    if (--left_ > 1) return to_->post(*this);
    // The other one first: this loop may end as soon as its event is set.
    if (left_ == 1) {
      event* mine = from_over_;
      to_->post(*this);
      mine->set();
      return;
    }
    from_over_->set();
  }

  loop* to_;
  loop* from_;
  int left_;
  event* to_over_;
  event* from_over_;
};

GYRE_TEST(post, two_loops_wake_each_other) {
  loop& here = loop::current();
  event here_over;
  event there_over;
  event started;
  bell ready(started);
  loop* there = nullptr;
  const std::jthread other([&] {
    loop home(make_backend_under_test());
    there = &home;
    run_on(home, [](loop& to, message& first, event& over) -> task<> {
      to.post(first);
      (void)co_await over.wait();
    }(here, ready, there_over));
  });
  (void)co_await started.wait();
  while (!started.is_set()) co_await yield();
  ball one(here, *there, times(10'000), here_over, there_over);
  there->post(one);
  (void)co_await here_over.wait();
  while (!here_over.is_set()) co_await yield();
}

/// Notes what becomes of it.
class letter final : public message {
 public:
  bool arrived() const { return arrived_; }
  bool returned() const { return returned_; }

 private:
  void delivered() noexcept override { arrived_ = true; }
  void discarded() noexcept override { returned_ = true; }
  bool arrived_ = false;
  bool returned_ = false;
};

GYRE_TEST(post, what_was_not_delivered_when_the_loop_ends_is_discarded) {
  letter sent;
  {
    loop other(make_backend_under_test());
    other.post(sent);
    EXPECT_FALSE(sent.returned());
  }
  EXPECT_TRUE(sent.returned());
  EXPECT_FALSE(sent.arrived());
  co_return;
}

}  // namespace
}  // namespace gyre::conformance
