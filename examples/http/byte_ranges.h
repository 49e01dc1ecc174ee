#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace http {

/// Some bytes of a file.
class byte_range {
 public:
  byte_range() noexcept {}
  byte_range(std::uint64_t first, std::uint64_t size) noexcept : first(first), size(size) {}

  std::uint64_t first = 0;
  std::uint64_t size = 0;

  friend bool operator==(const byte_range&, const byte_range&) = default;
};

/// What a Range field asks of a file (RFC 9110, section 14).
class byte_ranges {
 public:
  /// More ranges than this are not served as such: it is no use, and work for nothing.
  static constexpr std::size_t parts_max = 16;

  enum class verdict {
    ignore,         ///< no Range, a malformed one, or one that costs more than the whole file
    satisfiable,    ///< send `parts()`
    unsatisfiable,  ///< all of them lie behind the end
  };

  /// For a file of `size` bytes.
  byte_ranges(std::string_view field, std::uint64_t size) noexcept;

  byte_ranges::verdict verdict() const noexcept { return verdict_; }
  /// In the order of the request, each within the file and at least one byte long.
  std::span<const byte_range> parts() const noexcept { return std::span(parts_).first(count_); }

 private:
  enum class parsed { good, outside, bad };
  static parsed parse_one(std::string_view text, std::uint64_t size, byte_range& range) noexcept;

  enum verdict verdict_ = verdict::ignore;
  std::size_t count_ = 0;
  std::array<byte_range, parts_max> parts_;
};

}  // namespace http
