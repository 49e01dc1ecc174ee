// A mutex that nobody else wants is locked and unlocked, within a loop and between loops, and a
// wait for what has happened already.
#include "gyre/runtime/mutex.h"

#include <benchmark/benchmark.h>

#include <coroutine>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

/// A flag that is there, or a list to wait in (which is not needed here).
class hand_flag {
 public:
  bool await_ready() const noexcept { return set; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_.coroutine = awaiting; }
  void await_resume() noexcept {}
  bool waited_for() const noexcept { return static_cast<bool>(waiting_.coroutine); }

  bool set = true;

 private:
  hand::waiting waiting_;
};

hand::task hand_mutex(benchmark::State& state, hand::queue&) {
  hand_flag free;
  for (auto _ : state) {
    co_await free;
    free.set = false;
    benchmark::DoNotOptimize(free);
    if (!free.waited_for()) free.set = true;
    benchmark::DoNotOptimize(free);
  }
  co_return 0;
}

template <class Mutex>
gyre::task<void> gyre_mutex(benchmark::State& state) {
  Mutex mutex;
  for (auto _ : state) {
    auto guard = co_await mutex.lock();
    benchmark::DoNotOptimize(guard);
  }
}

hand::task hand_event(benchmark::State& state, hand::queue&) {
  hand_flag happened;
  for (auto _ : state) {
    co_await happened;
    benchmark::DoNotOptimize(happened);
  }
  co_return 0;
}

gyre::task<void> gyre_event(benchmark::State& state) {
  gyre::event event;
  event.set();
  for (auto _ : state) benchmark::DoNotOptimize(co_await event.wait());
}

const row mutex_row("mutex", row_clock::cpu,
                    {{"hand", [](benchmark::State& state) { run_hand(hand_mutex, state); }},
                     {"gyre",
                      [](benchmark::State& state) { run_gyre(gyre_mutex<gyre::mutex>, state); }}});
const row cross_mutex_row(
    "cross_mutex", row_clock::cpu,
    {{"mutex", [](benchmark::State& state) { run_gyre(gyre_mutex<gyre::mutex>, state); }},
     {"gyre", [](benchmark::State& state) { run_gyre(gyre_mutex<gyre::cross_mutex>, state); }}});
const row event_row("event", row_clock::cpu,
                    {{"hand", [](benchmark::State& state) { run_hand(hand_event, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(gyre_event, state); }}});

}  // namespace
}  // namespace micro
