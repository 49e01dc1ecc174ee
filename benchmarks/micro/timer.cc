// Timers, where a million others are armed: deadlines are up to a minute ahead, at random.
//
// timer_arm and timer_cancel time a thousand in a row, cancelled in another order than armed;
// timer_rearm moves one of the million, at random, which is a miss of the cache or two; timer_fire
// lets time go by until all the million have fired. The wheel by hand has one level and fires none.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <asio.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/runtime/time.h"
#include "gyre/runtime/timer_wheel.h"

namespace micro {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t live = 1'000'000;
constexpr std::size_t batch = 1000;
constexpr nanoseconds longest = std::chrono::minutes(1);

/// The same for all contenders.
std::vector<nanoseconds> spans(std::size_t count) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> within(1, longest.count());
  std::vector<nanoseconds> all(count);
  for (nanoseconds& each : all) each = nanoseconds(within(random));
  return all;
}

std::vector<std::uint32_t> shuffled(std::size_t count) {
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937_64(2));
  return order;
}

double seconds_of(auto action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One level of a wheel, without anything that would let it fire.
class hand_timers {
 public:
  explicit hand_timers(std::size_t count) : nodes_(count) {}

  void arm(std::size_t index, nanoseconds deadline) noexcept {
    node& timer = nodes_[index];
    node*& head = slots_[static_cast<std::size_t>(deadline.count() >> 26) % slots_.size()];
    timer.deadline = deadline;
    timer.next = head;
    timer.link = &head;
    if (head) head->link = &timer.next;
    head = &timer;
  }
  void cancel(std::size_t index) noexcept {
    node& timer = nodes_[index];
    *timer.link = timer.next;
    if (timer.next) timer.next->link = timer.link;
  }
  void settle() noexcept {}

 private:
  struct node {
    node* next = nullptr;
    node** link = nullptr;
    nanoseconds deadline{};
  };
  std::array<node*, 1024> slots_{};
  std::vector<node> nodes_;
};

class gyre_timers {
 public:
  explicit gyre_timers(std::size_t count)
      : wheel_(start), count_(count), timers_(std::make_unique<counted[]>(count)) {}
  ~gyre_timers() {
    for (std::size_t i = 0; i < count_; ++i) wheel_.disarm(timers_[i]);
  }
  void arm(std::size_t index, nanoseconds deadline) noexcept {
    wheel_.arm(timers_[index], start + deadline);
  }
  void cancel(std::size_t index) noexcept { wheel_.disarm(timers_[index]); }
  void settle() noexcept {}

  /// Each millisecond in turn, as a loop would at most.
  void fire_all() noexcept {
    while (!wheel_.empty()) wheel_.advance(now_ += std::chrono::milliseconds(1), count_);
  }
  /// After that, how deadlines are to be counted from here on.
  nanoseconds passed() const noexcept { return now_ - start; }

 private:
  class counted final : public gyre::timer {
    void fired() noexcept override { benchmark::DoNotOptimize(this); }
  };
  static constexpr gyre::steady_time start{std::chrono::hours(1)};

  gyre::timer_wheel wheel_;
  gyre::steady_time now_ = start;
  std::size_t count_;
  std::unique_ptr<counted[]> timers_;
};

class asio_timers {
 public:
  explicit asio_timers(std::size_t count) {
    timers_.reserve(count);
    while (count-- > 0) timers_.emplace_back(context_);
  }
  ~asio_timers() {
    timers_.clear();
    context_.poll();
  }
  void arm(std::size_t index, nanoseconds deadline) {
    timers_[index].expires_at(start_ + deadline);
    timers_[index].async_wait([](asio::error_code error) { benchmark::DoNotOptimize(error); });
  }
  void cancel(std::size_t index) { timers_[index].cancel(); }
  /// What was cancelled has a handler that must run.
  void settle() {
    context_.restart();
    context_.poll();
  }

 private:
  asio::io_context context_{1};
  std::vector<asio::steady_timer> timers_;
  // Nothing expires while it is measured.
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now() + std::chrono::hours(1);
};

/// A million armed timers and a batch that is not; made once, for that takes a while.
template <class Timers>
class crowd {
 public:
  static crowd& the() {
    static crowd only;
    return only;
  }

  Timers timers{live + batch};
  std::vector<nanoseconds> deadlines = spans(live + batch);
  std::vector<std::uint32_t> order = shuffled(batch);

 private:
  crowd() {
    for (std::size_t i = 0; i < live; ++i) timers.arm(i, deadlines[i]);
  }
};

enum class timed { arming, cancelling };

template <class Timers, timed What>
void arm_and_cancel(benchmark::State& state) {
  auto& crowd = micro::crowd<Timers>::the();
  while (state.KeepRunningBatch(batch)) {
    const double arming = seconds_of([&] {
      for (std::size_t i = live; i < live + batch; ++i) crowd.timers.arm(i, crowd.deadlines[i]);
    });
    const double cancelling = seconds_of([&] {
      for (const std::uint32_t i : crowd.order) crowd.timers.cancel(live + i);
      crowd.timers.settle();
    });
    state.SetIterationTime(What == timed::arming ? arming : cancelling);
  }
}

template <class Timers>
void rearm(benchmark::State& state) {
  auto& crowd = micro::crowd<Timers>::the();
  static const std::vector<std::uint32_t> order = shuffled(live);
  std::size_t next = 0;
  while (state.KeepRunningBatch(batch)) {
    for (std::size_t i = 0; i < batch; ++i) {
      const std::uint32_t timer = order[next];
      if (++next == live) next = 0;
      crowd.timers.cancel(timer);
      crowd.timers.arm(timer, crowd.deadlines[next]);
    }
    crowd.timers.settle();
  }
}

void gyre_fire(benchmark::State& state) {
  gyre_timers timers(live);
  const std::vector<nanoseconds> deadlines = spans(live);
  while (state.KeepRunningBatch(live)) {
    const nanoseconds passed = timers.passed();
    for (std::size_t i = 0; i < live; ++i) timers.arm(i, passed + deadlines[i]);
    state.SetIterationTime(seconds_of([&] { timers.fire_all(); }));
  }
}

// All have passed when they are taken: Asio asks the clock itself.
void asio_fire(benchmark::State& state) {
  const std::vector<nanoseconds> deadlines = spans(live);
  while (state.KeepRunningBatch(live)) {
    asio::io_context context(1);
    std::vector<asio::steady_timer> timers;
    timers.reserve(live);
    const auto past = std::chrono::steady_clock::now() - longest;
    for (std::size_t i = 0; i < live; ++i) {
      timers.emplace_back(context, past + deadlines[i]);
      timers.back().async_wait([](asio::error_code error) { benchmark::DoNotOptimize(error); });
    }
    state.SetIterationTime(seconds_of([&] { context.run(); }));
  }
}

const row arm_row("timer_arm", row_clock::manual,
                  {{"hand", arm_and_cancel<hand_timers, timed::arming>},
                   {"gyre", arm_and_cancel<gyre_timers, timed::arming>},
                   {"asio", arm_and_cancel<asio_timers, timed::arming>}});
const row cancel_row("timer_cancel", row_clock::manual,
                     {{"hand", arm_and_cancel<hand_timers, timed::cancelling>},
                      {"gyre", arm_and_cancel<gyre_timers, timed::cancelling>},
                      {"asio", arm_and_cancel<asio_timers, timed::cancelling>}});
const row rearm_row("timer_rearm", row_clock::cpu,
                    {{"hand", rearm<hand_timers>},
                     {"gyre", rearm<gyre_timers>},
                     {"asio", rearm<asio_timers>}});
const row fire_row("timer_fire", row_clock::manual, {{"gyre", gyre_fire}, {"asio", asio_fire}});

}  // namespace
}  // namespace micro
