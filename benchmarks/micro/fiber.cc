// Functions with stacks of their own: one is made, run and ended, and one lets the others run.
// Beside them the bare switches of Boost.Context, with no queue, no cancellation and no care for
// exceptions.
#include "gyre/runtime/fiber.h"

#include <benchmark/benchmark.h>

#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <memory>
#include <utility>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

void boost_fiber(benchmark::State& state) {
  boost::context::pooled_fixedsize_stack stacks(gyre::fiber_stack_size);
  for (auto _ : state) {
    int result = 0;
    boost::context::fiber child(std::allocator_arg, stacks,
                                [&result](boost::context::fiber&& caller) {
                                  result = 1;
                                  return std::move(caller);
                                });
    child = std::move(child).resume();
    benchmark::DoNotOptimize(result);
  }
}

gyre::task<void> gyre_fiber(benchmark::State& state) {
  for (auto _ : state) {
    int result = 0;
    co_await gyre::fiber([&result] { result = 1; });
    benchmark::DoNotOptimize(result);
  }
}

void boost_switch(benchmark::State& state) {
  bool done = false;
  boost::context::fiber other([&done](boost::context::fiber&& caller) {
    while (!done) caller = std::move(caller).resume();
    return std::move(caller);
  });
  for (auto _ : state) other = std::move(other).resume();
  done = true;
  other = std::move(other).resume();
}

gyre::task<void> gyre_await(benchmark::State& state) {
  return gyre::fiber([&state] {
    for (auto _ : state) gyre::await(gyre::yield());
  });
}

const row fiber_row("fiber", row_clock::cpu,
                    {{"boost_context", boost_fiber},
                     {"gyre", [](benchmark::State& state) { run_gyre(gyre_fiber, state); }}});

const row await_row("fiber_await", row_clock::cpu,
                    {{"boost_context", boost_switch},
                     {"gyre", [](benchmark::State& state) { run_gyre(gyre_await, state); }}});

}  // namespace
}  // namespace micro
