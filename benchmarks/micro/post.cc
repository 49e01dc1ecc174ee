// From one thread to another and back.
//
// post_awake: both threads look for each other without ever sleeping. post_asleep: the other sleeps
// when it is posted to, and answers by a word in memory that the first looks at: what is timed is
// waking it. Before the next it is given the time to fall asleep.
#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <asio.hpp>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "gyre/benchmarks/micro/pinning.h"
#include "gyre/benchmarks/micro/rows.h"
#include "gyre/io/run.h"
#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::microseconds to_fall_asleep(100);

/// What the threads tell each other: each word is written by one of them, and has a line to itself.
class words {
 public:
  alignas(64) std::atomic<std::uint32_t> there = 0;
  alignas(64) std::atomic<std::uint32_t> back = 0;
  alignas(64) std::atomic<bool> ended = false;
};

/// Calls `function` on a thread of the second CPU; skips the row where there is none.
template <class Function>
std::jthread start_other(benchmark::State& state, Function function) {
  std::promise<bool> pinned;
  std::future<bool> is_pinned = pinned.get_future();
  std::jthread other([function, pinned = std::move(pinned)]() mutable {
    const bool done = pin_to(1);
    pinned.set_value(done);
    if (done) function();
  });
  if (!is_pinned.get()) state.SkipWithError("needs two CPUs");
  return other;
}

void wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  while (word.load(std::memory_order_acquire) != value) continue;
}

/// Times how long it takes from `wake(n)` until `words.back` is n.
template <class Wake>
void time_waking(benchmark::State& state, const words& words, Wake wake) {
  std::uint32_t count = 0;
  for (auto _ : state) {
    const auto asleep_by = steady_clock::now() + to_fall_asleep;
    while (steady_clock::now() < asleep_by) continue;
    const auto start = steady_clock::now();
    wake(++count);
    wait_for(words.back, count);
    state.SetIterationTime(std::chrono::duration<double>(steady_clock::now() - start).count());
  }
}

void words_awake(benchmark::State& state) {
  words words;
  const std::jthread other = start_other(state, [&words] {
    std::uint32_t seen = 0;
    while (!words.ended.load(std::memory_order_relaxed)) {
      const std::uint32_t now = words.there.load(std::memory_order_acquire);
      if (now != seen) words.back.store(seen = now, std::memory_order_release);
    }
  });
  std::uint32_t count = 0;
  for (auto _ : state) {
    words.there.store(++count, std::memory_order_release);
    wait_for(words.back, count);
  }
  words.ended = true;
}

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

void futex_asleep(benchmark::State& state) {
  words words;
  const std::jthread other = start_other(state, [&words] {
    for (std::uint32_t seen = 0; !words.ended;) {
      futex(words.there, FUTEX_WAIT, seen);
      const std::uint32_t now = words.there.load(std::memory_order_acquire);
      if (now != seen) words.back.store(seen = now, std::memory_order_release);
    }
  });
  time_waking(state, words, [&words](std::uint32_t count) {
    words.there.store(count, std::memory_order_release);
    futex(words.there, FUTEX_WAKE, 1);
  });
  words.ended = true;
  words.there.fetch_add(1);
  futex(words.there, FUTEX_WAKE, 1);
}

/// Lets a task go on.
class go_on final : public gyre::message {
 public:
  gyre::auto_reset_event arrived;

 private:
  void delivered() noexcept override { arrived.set(); }
};

/// Posts another message from where it was delivered.
class echo final : public gyre::message {
 public:
  gyre::loop* sender = nullptr;
  gyre::message* answer = nullptr;

 private:
  void delivered() noexcept override { sender->post(*answer); }
};

/// Writes into a word where it was delivered.
class answer final : public gyre::message {
 public:
  explicit answer(words& words) noexcept : words_(words) {}
  std::uint32_t count = 0;

 private:
  void delivered() noexcept override { words_.back.store(count, std::memory_order_release); }
  words& words_;
};

gyre::run_options spinning(bool spins) {
  gyre::run_options options;
  if (spins) options.uring.spin = std::chrono::seconds(1);
  return options;
}

/// Another thread with a loop that does nothing but wait for messages.
class other_loop {
 public:
  other_loop(benchmark::State& state, bool spins)
      : thread_(start_other(state, [this, spins] { gyre::run(wait(), spinning(spins)); })) {
    if (!state.error_occurred()) home_.wait(nullptr);
  }
  ~other_loop() {
    if (gyre::loop* home = home_) home->post(end_);
  }
  gyre::loop& home() noexcept { return *home_; }

 private:
  gyre::task<void> wait() {
    home_ = &gyre::loop::current();
    home_.notify_one();
    (void)co_await end_.arrived.wait();
  }

  std::atomic<gyre::loop*> home_ = nullptr;
  go_on end_;
  std::jthread thread_;
};

gyre::task<void> gyre_round_trips(benchmark::State& state, other_loop& other) {
  echo there;
  go_on back;
  there.sender = &gyre::loop::current();
  there.answer = &back;
  for (auto _ : state) {
    other.home().post(there);
    (void)co_await back.arrived.wait();
  }
}

void gyre_awake(benchmark::State& state) {
  other_loop other(state, true);
  if (!state.error_occurred()) gyre::run(gyre_round_trips(state, other), spinning(true));
}

void gyre_asleep(benchmark::State& state) {
  words words;
  other_loop other(state, false);
  answer message(words);
  time_waking(state, words, [&](std::uint32_t count) {
    message.count = count;
    other.home().post(message);
  });
}

void asio_awake(benchmark::State& state) {
  words words;
  asio::io_context here(1);
  asio::io_context there(1);
  const std::jthread other = start_other(state, [&] {
    const auto work = asio::make_work_guard(there);
    while (!words.ended.load(std::memory_order_relaxed)) there.poll();
  });
  const auto work = asio::make_work_guard(here);
  for (auto _ : state) {
    bool back = false;
    asio::post(there, [&] { asio::post(here, [&back] { back = true; }); });
    while (!back) here.poll();
  }
  words.ended = true;
}

void asio_asleep(benchmark::State& state) {
  words words;
  asio::io_context there(1);
  auto work = asio::make_work_guard(there);
  const std::jthread other = start_other(state, [&] { there.run(); });
  time_waking(state, words, [&](std::uint32_t count) {
    asio::post(there, [&words, count] { words.back.store(count, std::memory_order_release); });
  });
  work.reset();
}

const row awake_row("post_awake", row_clock::real,
                    {{"words", words_awake}, {"gyre", gyre_awake}, {"asio", asio_awake}});
const row asleep_row("post_asleep", row_clock::manual,
                     {{"futex", futex_asleep}, {"gyre", gyre_asleep}, {"asio", asio_asleep}});

}  // namespace
}  // namespace micro
