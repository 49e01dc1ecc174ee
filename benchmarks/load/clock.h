// The one clock that latencies are taken with.
#ifndef GYRE_BENCHMARKS_LOAD_CLOCK_H_
#define GYRE_BENCHMARKS_LOAD_CLOCK_H_

#include <cstdint>
#include <ctime>

namespace gyre::load {

// Nanoseconds since some fixed moment; never goes back.
inline std::uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec);
}

inline std::uint64_t nanoseconds(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_CLOCK_H_
