#include "gyre/io/uring_report.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gyre/io/catalogue.h"
#include "gyre/io/direct_table.h"

namespace gyre {
namespace {

/// Why a ring does without what it could use. In each answer the empty string is: it doesn't.
class reasons {
 public:
  reasons(const ring& ring, const opcode_set& had, const uring_options& options,
          const kill_switches& also_without, bool direct_table_refused)
      : ring_(ring),
        had_(had),
        options_(options),
        also_without_(also_without),
        direct_table_refused_(direct_table_refused) {}

  std::string without(unsigned opcode) const {
    if (!had_.test(opcode))
      return (ring_.opcodes_are_told() ? "the kernel lacks opcode "
                                       : "a sandbox hides whether the kernel has opcode ") +
             std::to_string(opcode);
    if (also_without_.opcodes.test(opcode)) return "GYRE_WITHOUT";
    return options_.without.test(opcode) ? "uring_options::without" : "";
  }

  std::string without(ring_feature feature) const {
    if (also_without_.features.has(feature)) return "GYRE_WITHOUT";
    if (options_.without_features.has(feature)) return "uring_options::without_features";
    switch (feature) {
      case ring_feature::linked_submissions:
        return "";
      case ring_feature::direct_descriptors:
        return without_direct_table();
      case ring_feature::registered_ring:
        return ring_.features().has(feature) ? "" : "the kernel or a sandbox refuses it";
      default:
        return ring_.features().has(feature) ? "" : "the kernel lacks it";
    }
  }

 private:
  std::string without_direct_table() const {
    const opcode_set needed = direct_table::opcodes();
    for (unsigned opcode = 0; opcode < needed.size(); ++opcode)
      if (needed.test(opcode) && !without(opcode).empty())
        return "opcode " + std::to_string(opcode) + " is not used: " + without(opcode);
    return direct_table_refused_ ? "the kernel or a sandbox refuses it" : "";
  }

  const ring& ring_;
  const opcode_set& had_;
  const uring_options& options_;
  const kill_switches& also_without_;
  const bool direct_table_refused_;
};

}  // namespace

std::string_view emulation_of(const operation_kind& kind) noexcept {
  if (kind.waits_for == awaited_thing::device) return "pool";
  return kind.waits_for == awaited_thing::nothing ? "system call" : "system call, then poll";
}

backend_report report_of(const ring& ring, const opcode_set& had, const uring_options& options,
                         const kill_switches& also_without, bool direct_table_refused) {
  const reasons why(ring, had, options, also_without, direct_table_refused);
  backend_report report("uring", "io_uring");
  report.obtained = ring.obtained();
  report.obtained.push_back("up to " + std::to_string(options.threads_max) + " threads");
  for (const auto& [feature, name] : ring_features)
    report.features.emplace_back(std::string(name), why.without(feature));

  std::array<std::string, opcode_set().size()> users;
  for (const operation_kind* kind : catalogue()) {
    if (kind->policy != ring_policy::submit) ++report.not_submitted_alone;
    if (!kind->has_opcode()) continue;
    std::string& names = users[kind->opcode];
    names.append(names.empty() ? "" : ", ").append(kind->name);
    if (kind->policy != ring_policy::submit) continue;
    if (std::string reason = why.without(kind->opcode); !reason.empty())
      report.emulated.emplace_back(kind->name, std::string(emulation_of(*kind)), std::move(reason));
  }
  for (unsigned opcode = 0; opcode < users.size(); ++opcode) {
    if (users[opcode].empty()) continue;
    ++report.opcodes_known;
    if (why.without(opcode).empty())
      report.opcodes.push_back(std::to_string(opcode) + " (" + users[opcode] + ")");
  }
  return report;
}

}  // namespace gyre
