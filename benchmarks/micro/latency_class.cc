// What latency classes cost: a yield on a loop that has none, and on one that has. On the latter
// each resumption reads the clock, and looks for the class whose turn it is.
#include <benchmark/benchmark.h>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
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

const row class_row("yield_in_class", row_clock::cpu,
                    {{"none", [](benchmark::State& state) { run_gyre(yields, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(in_class, state); }}});

}  // namespace
}  // namespace micro
