// How much processor time a process has used, seen from outside.
#ifndef GYRE_BENCHMARKS_LOAD_PROCESS_CLOCK_H_
#define GYRE_BENCHMARKS_LOAD_PROCESS_CLOCK_H_

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace gyre::load {

struct process_time {
  std::uint64_t cpu_ns = 0;   // used by all its threads, the kernel's io_uring workers and those
                              // that have ended included
  std::uint64_t wait_ns = 0;  // its threads could have run, but something else had the core

  process_time operator-(const process_time& earlier) const {
    // The waits of threads that have ended since are forgotten.
    return {cpu_ns - earlier.cpu_ns, wait_ns - std::min(wait_ns, earlier.wait_ns)};
  }
};

// Nothing when there is no such process.
std::optional<process_time> read_process_time(pid_t pid);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_PROCESS_CLOCK_H_
