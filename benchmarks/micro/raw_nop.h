#pragma once

#include <benchmark/benchmark.h>

namespace micro {

/// NOPs by liburing, `depth` in each system call.
void raw_nops(benchmark::State& state, unsigned depth);

}  // namespace micro
