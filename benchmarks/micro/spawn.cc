// A thousand tasks are spawned into a scope, or run by one await, and joined; the time is that of
// one.
#include <benchmark/benchmark.h>

#include <asio.hpp>
#include <exception>
#include <ranges>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/when_all.h"

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

gyre::task<void> gyre_scope(benchmark::State& state) {
  int ended = 0;
  const auto spawn_all = [&ended](gyre::scope& scope) -> gyre::task<void> {
    for (int i = 0; i < children; ++i) scope.spawn(gyre_child(ended));
    co_return;
  };
  while (state.KeepRunningBatch(children)) co_await gyre::with_scope(spawn_all);
  benchmark::DoNotOptimize(ended);
}

gyre::task<void> gyre_when_all(benchmark::State& state) {
  int ended = 0;
  const auto child = [&ended](int) { return gyre_child(ended); };
  while (state.KeepRunningBatch(children))
    co_await gyre::when_all(std::views::iota(0, children) | std::views::transform(child));
  benchmark::DoNotOptimize(ended);
}

[[gnu::noinline]] asio::awaitable<void> asio_child(int& ended) {
  ++ended;
  co_return;
}

asio::awaitable<void> asio_body(benchmark::State& state) {
  const auto executor = co_await asio::this_coro::executor;
  int ended = 0;
  while (state.KeepRunningBatch(children)) {
    int running = children;
    for (int i = 0; i < children; ++i)
      asio::co_spawn(executor, asio_child(ended),
                     [&running](const std::exception_ptr&) { --running; });
    while (running > 0) co_await asio::post(asio::use_awaitable);
  }
  benchmark::DoNotOptimize(ended);
}

const row spawn_row("spawn_join", row_clock::cpu,
                    {{"hand", [](benchmark::State& state) { run_hand(hand_body, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(gyre_scope, state); }},
                     {"asio", [](benchmark::State& state) { run_asio(asio_body, state); }}});

const row when_all_row("when_all", row_clock::cpu,
                       {{"hand", [](benchmark::State& state) { run_hand(hand_body, state); }},
                        {"gyre", [](benchmark::State& state) { run_gyre(gyre_when_all, state); }}});

}  // namespace
}  // namespace micro
