// What latency classes cost: a yield on a loop that has none, and on one that has. On the latter
// each resumption reads the clock, and looks for the class whose turn it is. And what they are for:
// a NOP while a thousand other tasks are ready, each of which holds the loop for 10 us at a time.
#include <benchmark/benchmark.h>

#include <chrono>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/io/ring_ops.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_class.h"

namespace micro {
namespace {

gyre::task<void> yields(benchmark::State& state) {
  for (auto _ : state) co_await gyre::yield();
}

gyre::task<void> in_class(benchmark::State& state) {
  gyre::latency_class batch("batch", 10);
  co_await gyre::with_class(batch, yields(state));
}

gyre::task<void> hold_the_loop(const bool& done) {
  while (!done) {
    const gyre::loop& loop = gyre::loop::current();
    for (const auto end = loop.now() + std::chrono::microseconds(10); loop.now() < end;) continue;
    co_await gyre::yield();
  }
}

gyre::task<void> nops(benchmark::State& state, bool& done) {
  const gyre::loop& loop = gyre::loop::current();
  for (auto _ : state) {
    const auto begun = loop.now();
    benchmark::DoNotOptimize(co_await gyre::op::nop());
    state.SetIterationTime(std::chrono::duration<double>(loop.now() - begun).count());
  }
  done = true;
}

gyre::task<void> among_others(benchmark::State& state) {
  bool done = false;
  co_await gyre::with_scope([&](gyre::scope& children) -> gyre::task<void> {
    for (int i = 0; i < 1000; ++i) children.spawn(hold_the_loop(done));
    co_await nops(state, done);
  });
}

gyre::task<void> beside_a_class(benchmark::State& state) {
  gyre::latency_class batch("batch", 10);
  bool done = false;
  co_await gyre::with_scope([&](gyre::scope& children) -> gyre::task<void> {
    for (int i = 0; i < 1000; ++i) children.spawn(batch, hold_the_loop(done));
    co_await nops(state, done);
  });
}

const row batch_row("nop_beside_batch", row_clock::manual,
                    {{"none", [](benchmark::State& state) { run_gyre(among_others, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(beside_a_class, state); }}});

const row class_row("yield_in_class", row_clock::cpu,
                    {{"none", [](benchmark::State& state) { run_gyre(yields, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(in_class, state); }}});

}  // namespace
}  // namespace micro
