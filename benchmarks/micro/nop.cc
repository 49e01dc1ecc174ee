// Requests that do nothing: the way into the kernel and back, one at a time and 128 at once.
#include <benchmark/benchmark.h>

#include "gyre/benchmarks/micro/raw_nop.h"
#include "gyre/benchmarks/micro/rows.h"
#include "gyre/io/choose_backend.h"
#include "gyre/io/ring_ops.h"
#include "gyre/io/run.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

constexpr int depth = 128;

void run_on_ring(gyre::task<void> (*body)(benchmark::State&), benchmark::State& state) {
  gyre::run_options options;
  options.backend = gyre::backend_choice::uring;
  try {
    gyre::run(body(state), options);
  } catch (const gyre::backend_error& error) {
    state.SkipWithError(error.what());
  }
}

gyre::task<void> one(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await gyre::op::nop());
}

gyre::task<void> follow(const bool& done) {
  while (!done) benchmark::DoNotOptimize(co_await gyre::op::nop());
}

// In each turn of the loop each task has one.
gyre::task<void> many(benchmark::State& state) {
  bool done = false;
  co_await gyre::with_scope([&](gyre::scope& scope) -> gyre::task<void> {
    for (int i = 1; i < depth; ++i) scope.spawn(follow(done));
    while (state.KeepRunningBatch(depth)) benchmark::DoNotOptimize(co_await gyre::op::nop());
    done = true;
  });
}

const row nop_1_row("nop_1", row_clock::cpu,
                    {{"raw", [](benchmark::State& state) { raw_nops(state, 1); }},
                     {"gyre", [](benchmark::State& state) { run_on_ring(one, state); }}});
const row nop_128_row("nop_128", row_clock::cpu,
                      {{"raw", [](benchmark::State& state) { raw_nops(state, depth); }},
                       {"gyre", [](benchmark::State& state) { run_on_ring(many, state); }}});

}  // namespace
}  // namespace micro
