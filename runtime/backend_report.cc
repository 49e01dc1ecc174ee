#include "gyre/runtime/backend_report.h"

#include <string_view>

namespace gyre {
namespace {

// `separator` before each but the first.
void append(std::string& list, std::string_view separator, std::string_view item) {
  if (!list.empty()) list.append(separator);
  list.append(item);
}

void add_line(std::string& text, std::string_view what, std::string_view content) {
  if (!content.empty()) text.append(what).append(": ").append(content).append("\n");
}

std::string joined(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& each : items) append(list, ", ", each);
  return list;
}

}  // namespace

std::string backend_report::summary() const {
  std::string line = interface;
  for (const std::string& each : obtained) append(line, ", ", each);
  for (const optional_feature& each : features)
    if (each.in_use()) append(line, ", ", each.name);
  std::string names;
  for (const emulated_operation& each : emulated) append(names, " ", each.name);
  if (!names.empty()) append(line, ", emulated: ", names);
  if (!reason.empty()) append(line, ", because ", reason);
  return line;
}

std::string backend_report::text() const {
  std::string used;
  std::string missing;
  for (const optional_feature& each : features) {
    if (each.in_use())
      append(used, ", ", each.name);
    else
      append(missing, ", ", each.name + " (" + each.why_not + ")");
  }
  std::string text;
  add_line(text, "backend", backend);
  add_line(text, "no better one, because", reason);
  add_line(text, "obtained", joined(obtained));
  add_line(text, "features", used);
  add_line(text, "without", missing);
  if (opcodes_known > 0)
    add_line(text, "opcodes",
             std::to_string(opcodes.size()) + " of " + std::to_string(opcodes_known) +
                 " known: " + joined(opcodes));
  for (const emulated_operation& each : emulated)
    add_line(text, "emulated", each.name + " (" + each.how + "), because: " + each.why);
  if (not_submitted_alone > 0)
    add_line(text, "by policy",
             std::to_string(not_submitted_alone) +
                 " operations are system calls unless linked: each would cost a kernel worker");
  return text;
}

}  // namespace gyre
