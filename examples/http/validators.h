#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "gyre/examples/http/date.h"
#include "gyre/examples/http/request.h"

namespace http {

/// What tells one version of a file from another (RFC 9110, section 8.8): its size and the time of
/// its last change, to the nanosecond.
class validators {
 public:
  validators(std::uint64_t size, std::int64_t seconds, std::uint32_t nanoseconds) noexcept;

  /// With its quotes.
  std::string_view entity_tag() const noexcept { return {tag_.data(), tag_size_}; }
  std::string_view last_modified() const noexcept { return modified_.text(); }
  std::int64_t modified_seconds() const noexcept { return seconds_; }

 private:
  std::int64_t seconds_;
  date modified_;
  std::array<char, 48> tag_;
  std::size_t tag_size_;
};

/// How a request's preconditions turn out for a file (RFC 9110, section 13.2.2).
enum class preconditions {
  met,           ///< send the file
  not_modified,  ///< the client has this version: 304
  failed,        ///< 412
};
preconditions evaluate_preconditions(const request& request, const validators& file) noexcept;

/// Whether a Range of this request holds: there is no If-Range, or it names this very version.
bool range_applies(const request& request, const validators& file) noexcept;

}  // namespace http
