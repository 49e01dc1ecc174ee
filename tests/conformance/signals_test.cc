#include "gyre/io/signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

// Before any thread has started, as the header asks for.
[[maybe_unused]] const bool blocked = [] {
  block_signals({SIGUSR1, SIGUSR2});
  return true;
}();

GYRE_TEST(signals, a_signal_is_a_value) {
  auto source = signals::create({SIGUSR1, SIGUSR2}).value();
  EXPECT_EQ(kill(getpid(), SIGUSR2), 0);
  EXPECT_EQ((co_await source.next()).value(), SIGUSR2);
  EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
  EXPECT_EQ((co_await source.next()).value(), SIGUSR1);
}

GYRE_TEST(signals, a_wait_ends_when_the_signal_comes) {
  auto source = signals::create({SIGUSR1}).value();
  int received = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { received = (co_await source.next()).value(); });
    (void)co_await sleep_for(1ms);
    EXPECT_EQ(received, 0);
    EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
  });
  EXPECT_EQ(received, SIGUSR1);
}

GYRE_TEST(signals, a_wait_can_be_stopped) {
  auto source = signals::create({SIGUSR1}).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await source.next()).error(), std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
  EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
  EXPECT_EQ((co_await source.next()).value(), SIGUSR1);
}

/// Counts SIGPROF, which comes every 200 us while it lives. One at a time.
class signal_storm {
 public:
  signal_storm() {
    struct sigaction counted{};
    counted.sa_handler = [](int) { caught_ = caught_ + 1; };
    require(sigaction(SIGPROF, &counted, &before_) == 0);
    sigevent raise{};
    raise.sigev_notify = SIGEV_SIGNAL;
    raise.sigev_signo = SIGPROF;
    require(timer_create(CLOCK_MONOTONIC, &raise, &timer_) == 0);
    const itimerspec often = {{0, 200'000}, {0, 200'000}};
    require(timer_settime(timer_, 0, &often, nullptr) == 0);
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;
  ~signal_storm() {
    timer_delete(timer_);
    sigaction(SIGPROF, &before_, nullptr);
  }

  int caught() const { return caught_; }

 private:
  static inline volatile sig_atomic_t caught_ = 0;
  timer_t timer_{};
  struct sigaction before_{};
};

// What a wait is interrupted by is nobody's result.
GYRE_TEST(signals, a_storm_of_other_signals_disturbs_nothing) {
  const signal_storm storm;
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 10> buffer;
  const std::array<std::byte, 1> byte{};
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), buffer.size());
    });
    for (int i = 0; i < 10; ++i) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_TRUE(co_await sleep_for(1ms));
      EXPECT_GE(std::chrono::steady_clock::now() - start, 1ms);
      (co_await pair.client.write_all(byte)).value();
    }
  });
  EXPECT_GT(storm.caught(), 0);
}

}  // namespace
}  // namespace gyre::conformance
