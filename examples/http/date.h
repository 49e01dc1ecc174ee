#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace http {

/// A moment as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT`.
class date {
 public:
  /// From seconds since 1970; before the year 0 and after 9999 there is none, and it is empty.
  explicit date(std::int64_t seconds) noexcept;
  std::string_view text() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 32> text_;
  std::size_t size_;
};

/// Reads any of the three forms that RFC 9110 (5.6.7) allows: seconds since 1970.
std::optional<std::int64_t> parse_date(std::string_view text) noexcept;

/// The date now, written anew only when the second has changed. One for each loop.
class date_clock {
 public:
  std::string_view now() noexcept;

 private:
  std::int64_t second_ = 0;
  date date_{0};
};

}  // namespace http
