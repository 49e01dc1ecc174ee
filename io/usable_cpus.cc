#include "gyre/io/usable_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>

namespace gyre {
namespace {

// The path of the cgroup below the mount, without a slash at its end. Empty is the topmost, also as
// a container sees its own.
std::string own_cgroup(const std::string& file) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("0::/", 0) == 0) return line == "0::/" ? "" : line.substr(3);
  return "";
}

// `max 100000` or `150000 100000`: microseconds of CPU time in each period of so many.
unsigned quota_of(const std::string& file) {
  std::ifstream content(file);
  std::string quota;
  std::uint64_t period = 0;
  if (!(content >> quota >> period) || period == 0) return 0;
  std::uint64_t microseconds = 0;
  if (!(std::istringstream(quota) >> microseconds) || microseconds == 0) return 0;
  const std::uint64_t cpus = microseconds / period + (microseconds % period != 0);
  return static_cast<unsigned>(std::min<std::uint64_t>(cpus, std::numeric_limits<int>::max()));
}

}  // namespace

// A mask that is too short for the machine is refused.
std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (std::size_t words = CPU_SETSIZE / 64; words <= 1024; words *= 2) {
    std::vector<cpu_set_t> mask(words * 64 / CPU_SETSIZE);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) != 0) {
      if (errno == EINVAL) continue;
      return cpus;
    }
    for (std::size_t cpu = 0; cpu < bytes * 8; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, mask.data())) cpus.push_back(static_cast<int>(cpu));
    return cpus;
  }
  return cpus;
}

unsigned cpu_quota(const std::string& own, const std::string& mount) {
  unsigned least = 0;
  std::string path = own_cgroup(own);
  while (true) {
    const unsigned quota = quota_of(mount + path + "/cpu.max");
    if (quota != 0) least = least == 0 ? quota : std::min(least, quota);
    if (path.empty()) return least;
    path.resize(path.rfind('/'));
  }
}

}  // namespace gyre
