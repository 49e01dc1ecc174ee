#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kv {

/// What a client sent, fit to be shown in a line: in quotes, what can't be printed as a question
/// mark, and the beginning only of what is long.
inline std::string quoted(std::string_view bytes) {
  constexpr std::size_t shown_max = 64;
  std::string shown = "'";
  for (const char byte : bytes.substr(0, shown_max))
    shown.push_back(byte >= ' ' && byte <= '~' ? byte : '?');
  return shown + (bytes.size() > shown_max ? "...'" : "'");
}

}  // namespace kv
