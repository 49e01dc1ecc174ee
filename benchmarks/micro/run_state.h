#pragma once

#include <benchmark/benchmark.h>

#include <asio.hpp>
#include <exception>

#include "gyre/benchmarks/micro/hand.h"
#include "gyre/io/run.h"
#include "gyre/runtime/task.h"

/// How a row's coroutine, which measures itself by `for (auto _ : state)`, is run by each library.
namespace micro {

inline void run_gyre(gyre::task<void> (*body)(benchmark::State&), benchmark::State& state) {
  gyre::run(body(state));
}

inline void run_hand(hand::task (*body)(benchmark::State&, hand::queue&), benchmark::State& state) {
  hand::queue ready;
  hand::run(body(state, ready), ready);
}

inline void run_asio(asio::awaitable<void> (*body)(benchmark::State&), benchmark::State& state) {
  asio::io_context context(1);
  asio::co_spawn(context, body(state), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.run();
}

}  // namespace micro
