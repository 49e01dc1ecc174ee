#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

/// The replies of RESP2, the protocol of redis-cli. Each is appended to `to`.
namespace kv::resp {

inline void append_number(std::string& to, std::int64_t number) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  to.append(digits.data(), end);
}

/// A short answer without line ends, "OK".
inline void append_simple(std::string& to, std::string_view text) {
  to.append("+").append(text).append("\r\n");
}

/// An error without line ends; it begins with its kind in capitals.
inline void append_error(std::string& to, std::string_view sentence) {
  to.append("-").append(sentence).append("\r\n");
}

inline void append_integer(std::string& to, std::int64_t number) {
  to.append(":");
  append_number(to, number);
  to.append("\r\n");
}

inline void append_bulk(std::string& to, std::string_view bytes) {
  to.append("$");
  append_number(to, static_cast<std::int64_t>(bytes.size()));
  to.append("\r\n").append(bytes).append("\r\n");
}

/// The bulk that is none.
inline void append_nil(std::string& to) {
  to.append("$-1\r\n");
}

/// The head of an array; its elements follow.
inline void append_array(std::string& to, std::size_t size) {
  to.append("*");
  append_number(to, static_cast<std::int64_t>(size));
  to.append("\r\n");
}

}  // namespace kv::resp
