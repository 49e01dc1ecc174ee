#include "gyre/benchmarks/load/process_clock.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace gyre::load {
namespace {

// The second number of schedstat(5), summed over the threads; 0 on kernels without it.
std::uint64_t waited_for_a_core(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::ifstream stat(task.path() / "schedstat");
    std::uint64_t run = 0;
    std::uint64_t wait = 0;
    if (stat >> run >> wait) sum += wait;
  }
  return sum;
}

}  // namespace

// The process's CPU clock (clock_getcpuclockid(3)) counts nanoseconds, unlike the ticks of
// /proc/PID/stat, and unlike a sum over /proc/PID/task/*/schedstat it keeps what threads have
// used that are gone. For a thread that is running it may lag by one scheduler tick (4 ms).
std::optional<process_time> read_process_time(pid_t pid) {
  clockid_t clock;
  timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return std::nullopt;
  process_time result;
  result.cpu_ns =
      static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
  result.wait_ns = waited_for_a_core(pid);
  return result;
}

}  // namespace gyre::load
