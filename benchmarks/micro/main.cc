// The rows of `./dev bench micro`, once each:
//
//   micro [--first N] [--iterations N] [options of Google Benchmark, see --help]
//
// --first says which contender of each row begins, --iterations how often each does its thing
// instead of until it took long enough.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gyre/benchmarks/micro/pinning.h"
#include "gyre/benchmarks/micro/rows.h"

namespace {

/// Takes `name` and the number after it out of the arguments; 0 where it isn't there.
long take_number(int& argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) != 0) continue;
    char* end = nullptr;
    const long number = i + 1 < argc ? std::strtol(argv[i + 1], &end, 10) : -1;
    if (number < 0 || end == argv[i + 1] || *end) {
      std::fprintf(stderr, "micro: %s %s: expected a number that is not negative\n", name,
                   i + 1 < argc ? argv[i + 1] : "");
      std::exit(2);
    }
    std::copy(argv + i + 2, argv + argc + 1, argv + i);
    argc -= 2;
    return number;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto first = static_cast<unsigned>(take_number(argc, argv, "--first"));
  const long iterations = take_number(argc, argv, "--iterations");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  micro::pin_to(0);
  auto& rows = micro::row::all();
  std::ranges::sort(rows, {}, [](const micro::row* row) { return row->name(); });
  for (const micro::row* row : rows) row->announce(first, iterations);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
