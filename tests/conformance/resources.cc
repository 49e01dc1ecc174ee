#include "gyre/tests/conformance/resources.h"

#include <sched.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <system_error>

#include "gyre/runtime/frame_pool.h"

namespace gyre::conformance {
namespace {

namespace fs = std::filesystem;

std::size_t count_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : fs::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// The kernel's own workers for a ring outlive it by a moment, and are not ours.
std::size_t count_threads() {
  std::size_t count = 0;
  for (const auto& each : fs::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(each.path() / "comm"), name);
    if (!name.empty() && !name.starts_with("iou-")) ++count;
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
