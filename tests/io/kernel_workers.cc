#include "gyre/tests/io/kernel_workers.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gyre/io/ring_ops.h"

namespace gyre {

std::set<int> kernel_workers() {
  std::set<int> workers;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(each.path() / "comm"), name);
    if (name.starts_with("iou-wrk-")) workers.insert(std::stoi(each.path().filename()));
  }
  return workers;
}

bool may_take_kernel_worker(const operation_kind& kind, bool linked) noexcept {
  if (&kind == &op::raw_submission::kind) return true;
  if (kind.policy != ring_policy::submit) return linked;
  return kind.waits_for == awaited_thing::device;
}

}  // namespace gyre
