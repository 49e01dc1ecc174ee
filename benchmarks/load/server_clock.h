// How much processor time a process has used, seen from outside.
#ifndef GYRE_BENCHMARKS_LOAD_SERVER_CLOCK_H_
#define GYRE_BENCHMARKS_LOAD_SERVER_CLOCK_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace gyre::load {

struct server_time {
  std::uint64_t cpu_ns = 0;   // used by all its threads, the kernel's io_uring workers and those
                              // that have ended included
  std::uint64_t wait_ns = 0;  // its threads could have run, but something else had the core
};

// Nothing when there is no such process.
std::optional<server_time> read_server_time(pid_t pid);

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_SERVER_CLOCK_H_
