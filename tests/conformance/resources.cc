#include "gyre/tests/conformance/resources.h"

#include <sched.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "gyre/runtime/frame_pool.h"

namespace gyre::conformance {
namespace {

namespace fs = std::filesystem;

// With the first thread ThreadSanitizer starts one of its own, which would seem left behind.
[[maybe_unused]] const bool a_thread_was_there = [] {
  std::thread([] {}).join();
  return true;
}();

std::size_t count_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Whether the thread of this line of /proc/self/task/*/stat, see proc(5), is one of ours: not a
/// worker of the kernel for a ring, which outlives that by a moment, nor one that was joined and is
/// on its way out.
bool is_ours(const std::string& line) {
  constexpr unsigned exiting = 4;  // PF_EXITING
  const std::size_t name = line.find('(');
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || line.compare(name + 1, 4, "iou-") == 0) return false;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  std::array<long, 5> others{};  // parent, process group, session, terminal and its process group
  unsigned flags = exiting;
  fields >> state;
  for (long& each : others) fields >> each;
  fields >> flags;
  return (flags & exiting) == 0;
}

std::size_t count_threads() {
  std::size_t count = 0;
  for (const auto& each : fs::directory_iterator("/proc/self/task")) {
    std::string line;
    std::getline(std::ifstream(each.path() / "stat"), line);
    if (is_ours(line)) ++count;
  }
  return count;
}

}  // namespace

resources resources::in_use() {
  resources held;
  held.descriptors_ = count_descriptors();
  held.threads_ = count_threads();
  held.frames_ = frame_pool::live();
  return held;
}

resources resources::settled(const resources& expected) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  resources held = in_use();
  while (held != expected && std::chrono::steady_clock::now() < end) {
    sched_yield();
    held = in_use();
  }
  return held;
}

std::ostream& operator<<(std::ostream& out, const resources& held) {
  return out << held.descriptors_ << " descriptors, " << held.threads_ << " threads, "
             << held.frames_ << " coroutine frames";
}

}  // namespace gyre::conformance
