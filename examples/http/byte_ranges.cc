#include "gyre/examples/http/byte_ranges.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "gyre/examples/http/text.h"

namespace http {
namespace {

/// Digits and nothing else. What is too large for 64 bits lies behind the end of any file.
std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  if (text.empty() || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? number : UINT64_MAX;
}

}  // namespace

byte_ranges::byte_ranges(std::string_view field, std::uint64_t size) noexcept {
  const std::string_view unit = cut(field, '=');
  if (!equal_ignoring_case(unit, "bytes")) return;
  bool any = false;
  std::uint64_t total = 0;
  while (!field.empty()) {
    const std::string_view text = trim(cut(field, ','));
    if (text.empty()) continue;  // lists may have empty places
    byte_range range;
    const parsed outcome = parse_one(text, size, range);
    if (outcome == parsed::bad) return;
    any = true;
    if (outcome == parsed::outside) continue;
    if (count_ == parts_max) return;
    parts_[count_++] = range;
    total += range.size;
  }
  if (!any) return;
  if (count_ == 0) {
    verdict_ = verdict::unsatisfiable;
  } else if (total <= size) {  // more would be ranges that overlap, made to multiply the work
    verdict_ = verdict::satisfiable;
  }
}

byte_ranges::parsed byte_ranges::parse_one(std::string_view text, std::uint64_t size,
                                           byte_range& range) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return parsed::bad;
  const std::string_view last_text = text.substr(dash + 1);
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(last_text);
  if (!last && !last_text.empty()) return parsed::bad;
  if (dash == 0) {  // the last so many bytes
    if (!last) return parsed::bad;
    const std::uint64_t count = std::min(*last, size);
    range = byte_range(size - count, count);
    return count > 0 ? parsed::good : parsed::outside;
  }
  if (!first || (last && *last < *first)) return parsed::bad;
  if (*first >= size) return parsed::outside;
  range = byte_range(*first, std::min(last.value_or(size - 1), size - 1) - *first + 1);
  return parsed::good;
}

}  // namespace http
