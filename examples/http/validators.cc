#include "gyre/examples/http/validators.h"

#include <charconv>

#include "gyre/examples/http/text.h"

namespace http {
namespace {

enum class comparison { strong, weak };

/// Whether `tag` stands in the list of a field. Strong comparison takes no weak tag (`W/"…"`).
bool list_has(std::string_view list, std::string_view tag, comparison how) noexcept {
  if (trim(list) == "*") return true;
  while (!list.empty()) {
    list = list.substr(std::min(list.find_first_not_of(" \t,"), list.size()));
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (list.substr(0, end + 1) == tag && !(weak && how == comparison::strong)) return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

bool modified_since(std::string_view field, const validators& file, bool otherwise) noexcept {
  const auto since = parse_date(field);
  return since ? file.modified_seconds() > *since : otherwise;
}

}  // namespace

validators::validators(std::uint64_t size, std::int64_t seconds, std::uint32_t nanoseconds) noexcept
    : seconds_(seconds), modified_(seconds), tag_() {
  char* next = tag_.data();
  char* const end = next + tag_.size();
  *next++ = '"';
  next = std::to_chars(next, end, static_cast<std::uint64_t>(seconds), 16).ptr;
  *next++ = '.';
  next = std::to_chars(next, end, nanoseconds, 16).ptr;
  *next++ = '.';
  next = std::to_chars(next, end, size, 16).ptr;
  *next++ = '"';
  tag_size_ = static_cast<std::size_t>(next - tag_.data());
}

preconditions evaluate_preconditions(const request& request, const validators& file) noexcept {
  if (!request.if_match.empty()) {
    if (!list_has(request.if_match, file.entity_tag(), comparison::strong))
      return preconditions::failed;
  } else if (!request.if_unmodified_since.empty()) {
    if (modified_since(request.if_unmodified_since, file, false)) return preconditions::failed;
  }
  if (!request.if_none_match.empty()) {
    if (list_has(request.if_none_match, file.entity_tag(), comparison::weak))
      return preconditions::not_modified;
  } else if (!request.if_modified_since.empty()) {
    if (!modified_since(request.if_modified_since, file, true)) return preconditions::not_modified;
  }
  return preconditions::met;
}

bool range_applies(const request& request, const validators& file) noexcept {
  if (request.if_range.empty()) return true;
  if (request.if_range.starts_with('"') || request.if_range.starts_with("W/"))
    return request.if_range == file.entity_tag();
  return request.if_range == file.last_modified();
}

}  // namespace http
