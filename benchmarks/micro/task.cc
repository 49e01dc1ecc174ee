// A coroutine is made, awaited, and destroyed. None of the children is inlined into its caller, so
// that no compiler sees the whole life of the frame and puts it into the caller's (clang would).
#include "gyre/runtime/task.h"

#include <benchmark/benchmark.h>

#include <asio.hpp>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <memory>
#include <utility>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"

namespace micro {
namespace {

[[gnu::noinline]] hand::task hand_child(int value) {
  co_return value;
}

hand::task hand_parent(benchmark::State& state, hand::queue&) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await hand_child(1));
  co_return 0;
}

[[gnu::noinline]] gyre::task<int> gyre_child(int value) {
  co_return value;
}

gyre::task<void> gyre_parent(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await gyre_child(1));
}

[[gnu::noinline]] asio::awaitable<int> asio_child(int value) {
  co_return value;
}

asio::awaitable<void> asio_parent(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await asio_child(1));
}

// Not a coroutine, but what it is for: a function with a stack of its own, from a pool.
void fiber(benchmark::State& state) {
  boost::context::pooled_fixedsize_stack stacks(64 << 10);
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

const row task_row("task", row_clock::cpu,
                   {{"hand", [](benchmark::State& state) { run_hand(hand_parent, state); }},
                    {"gyre", [](benchmark::State& state) { run_gyre(gyre_parent, state); }},
                    {"asio", [](benchmark::State& state) { run_asio(asio_parent, state); }},
                    {"boost_context", fiber}});

}  // namespace
}  // namespace micro
