#pragma once

#include <string>
#include <vector>

namespace gyre {

/// The CPUs that this thread may run on, see sched_getaffinity(2): where a container or taskset(1)
/// has left out some, these only. Empty where the kernel doesn't say.
std::vector<int> allowed_cpus();

/// How many CPUs' worth of time the process gets by the quotas of its cgroup (version 2) and of
/// those above, rounded up; 0 where there is no quota. `own` is as /proc/self/cgroup, and `mount`
/// as /sys/fs/cgroup: see cgroups(7), and cpu.max in the kernel's cgroup-v2.rst.
unsigned cpu_quota(const std::string& own = "/proc/self/cgroup",
                   const std::string& mount = "/sys/fs/cgroup");

}  // namespace gyre
