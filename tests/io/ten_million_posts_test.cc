#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <latch>
#include <memory>
#include <ostream>
#include <thread>
#include <vector>

#include "gyre/io/choose_backend.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/tests/conformance/resources.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;
using conformance::resources;

constexpr std::size_t loops = 4;
constexpr std::uint64_t posts = 2'000'000;  // in each of five ways

/// Ends the wait of its loop.
class bell final : public message {
 public:
  event rung;

 private:
  void delivered() noexcept override { rung.set(); }
};

/// Loops that throw balls to each other, and end when each ball has flown often enough.
class court {
 public:
  explicit court(std::size_t balls);

  /// Runs the loop of that number on this thread.
  void play(std::size_t number, std::unique_ptr<backend> backend) {
    loop home(std::move(backend));
    players_[number] = &home;
    all_here_.arrive_and_wait();
    if (number == 0) serve();
    run_on(home, [](event& over) -> task<> { (void)co_await over.wait(); }(bells_[number].rung));
    messages_ += home.counters().messages;
    waits_ += home.kernel().counters().waits;
  }
  std::uint64_t messages() const noexcept { return messages_; }
  std::uint64_t waits() const noexcept { return waits_; }

 private:
  class ball final : public message {
   public:
    ball(court& on, std::size_t at, std::uint64_t flights) : court_(&on), at_(at), left_(flights) {}
    void fly() noexcept {
      at_ = (at_ + 1 + left_ % (loops - 1)) % loops;
      court_->players_[at_]->post(*this);
    }

   private:
    void delivered() noexcept override {
      if (loop::current_or_null() != court_->players_[at_]) ++court_->astray_;
      if (--left_ > 0)
        fly();
      else
        court_->ball_is_out();
    }

    court* court_;
    std::size_t at_;
    std::uint64_t left_;
  };

  void serve() noexcept {
    for (ball& each : balls_) each.fly();
  }
  void ball_is_out() noexcept {
    if (--balls_left_ > 0) return;
    EXPECT_EQ(astray_, 0U);
    for (std::size_t i = 0; i < loops; ++i) players_[i]->post(bells_[i]);
  }

  std::array<loop*, loops> players_{};
  std::array<bell, loops> bells_;
  std::deque<ball> balls_;
  std::latch all_here_{loops};
  std::atomic<std::size_t> balls_left_;
  std::atomic<std::size_t> astray_ = 0;
  std::atomic<std::uint64_t> messages_ = 0;
  std::atomic<std::uint64_t> waits_ = 0;
};

court::court(std::size_t balls) : balls_left_(balls) {
  for (std::size_t i = 0; i < balls; ++i) balls_.emplace_back(*this, i % loops, posts / balls);
}

struct way {
  backend_choice backend;
  std::chrono::nanoseconds spin;
};
void PrintTo(const way& way, std::ostream* out) {
  *out << static_cast<int>(way.backend) << ", spinning " << way.spin.count() << " ns";
}

class ten_million_posts : public testing::TestWithParam<way> {};

INSTANTIATE_TEST_SUITE_P(backends, ten_million_posts,
                         testing::Values(way{backend_choice::uring, 0us},
                                         way{backend_choice::uring, 20us},
                                         way{backend_choice::epoll, 0us},
                                         way{backend_choice::epoll, 20us},
                                         way{backend_choice::threads, 0us}));

// Were one wake-up lost, its ball would never come back, and the loops wait for ever. There are few
// enough of them for loops to run out of work and to sleep, time and again.
TEST_P(ten_million_posts, between_loops_that_sleep_lose_no_wake_up) {
  const resources before = resources::in_use();
  {
    court court(32);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < loops; ++i)
      threads.emplace_back([&court, i] {
        uring_options uring;
        uring.spin = GetParam().spin;
        court.play(i, make_backend(GetParam().backend, uring, {}));
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(court.messages(), posts + loops);
    EXPECT_GT(court.waits(), 1000U);
  }
  EXPECT_EQ(resources::settled(before), before);
}

}  // namespace
}  // namespace gyre
