#include "gyre/io/kill_switches.h"

#include <algorithm>
#include <vector>

#include "gyre/io/catalogue.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

// The operations that have opcodes, in the order of docs/operations.md.
std::vector<const operation_kind*> submitted_operations() {
  std::vector<const operation_kind*> kinds = catalogue();
  std::erase_if(kinds, [](const operation_kind* kind) { return !kind->has_opcode(); });
  std::ranges::sort(kinds, {},
                    [](const operation_kind* kind) { return std::string_view(kind->name); });
  return kinds;
}

std::string complaint(std::string_view name, const std::vector<const operation_kind*>& kinds) {
  std::string text = "\"" + std::string(name) + "\", which can't be switched off: expected some of";
  std::string_view before = " ";
  const auto list = [&](std::string_view each) {
    text.append(before).append(each);
    before = ", ";
  };
  for (const auto& feature : ring_features) list(feature.second);
  for (const operation_kind* kind : kinds) list(kind->name);
  return text;
}

}  // namespace

std::optional<std::string> kill_switches::add(std::string_view names) {
  const std::vector<const operation_kind*> kinds = submitted_operations();
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const auto feature =
        std::ranges::find(ring_features, name, [](auto& each) { return each.second; });
    const auto kind = std::ranges::find(
        kinds, name, [](const operation_kind* each) { return std::string_view(each->name); });
    if (feature != ring_features.end())
      features.add(feature->first);
    else if (kind != kinds.end())
      opcodes.set((*kind)->opcode);
    else
      return complaint(name, kinds);
  }
  return std::nullopt;
}

}  // namespace gyre
