// A thousand tasks are run beside each other by one await; the time is that of one.
#include "gyre/runtime/when_all.h"

#include <benchmark/benchmark.h>

#include <ranges>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

constexpr int children = 1000;

[[gnu::noinline]] hand::spawned hand_child(hand::join&, int& ended) {
  ++ended;
  co_return;
}

hand::task hand_body(benchmark::State& state, hand::queue& ready) {
  int ended = 0;
  while (state.KeepRunningBatch(children)) {
    hand::join all(ready);
    for (int i = 0; i < children; ++i) hand_child(all, ended);
    co_await all;
  }
  benchmark::DoNotOptimize(ended);
  co_return ended;
}

[[gnu::noinline]] gyre::task<void> gyre_child(int& ended) {
  ++ended;
  co_return;
}

gyre::task<void> gyre_body(benchmark::State& state) {
  int ended = 0;
  const auto child = [&ended](int) { return gyre_child(ended); };
  while (state.KeepRunningBatch(children))
    co_await gyre::when_all(std::views::iota(0, children) | std::views::transform(child));
  benchmark::DoNotOptimize(ended);
}

const row when_all_row("when_all", row_clock::cpu,
                       {{"hand", [](benchmark::State& state) { run_hand(hand_body, state); }},
                        {"gyre", [](benchmark::State& state) { run_gyre(gyre_body, state); }}});

}  // namespace
}  // namespace micro
