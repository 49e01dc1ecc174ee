#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

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

/// The number that `text` is, with nothing before or behind it, in the only way in which it would
/// be written: no zeros before it, and no sign but that of a negative number.
inline std::optional<std::int64_t> integer(std::string_view text) noexcept {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.starts_with('0') && text != "0") return std::nullopt;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace kv
