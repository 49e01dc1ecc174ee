#include "gyre/examples/http/request_target.h"

#include "gyre/examples/http/text.h"

namespace http {
namespace {

std::optional<unsigned> hex_digit(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (to_lower(c) >= 'a' && to_lower(c) <= 'f')
    return static_cast<unsigned>(to_lower(c) - 'a' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> path_of(std::string_view target) noexcept {
  if (target.find('#') != std::string_view::npos) return std::nullopt;
  if (!target.starts_with('/')) {
    const std::size_t scheme_end = target.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    const std::string_view scheme = target.substr(0, scheme_end);
    if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https"))
      return std::nullopt;
    target.remove_prefix(scheme_end + 3);
    const std::size_t authority_end = target.find_first_of("/?");
    if (authority_end == 0) return std::nullopt;
    if (authority_end == std::string_view::npos || target[authority_end] == '?') return "/";
    target.remove_prefix(authority_end);
  }
  return target.substr(0, target.find('?'));
}

std::optional<std::string> decode_path(std::string_view path) {
  std::string decoded;
  decoded.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (path.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(path[i + 1]);
      const auto low = hex_digit(path[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high << 4 | *low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    if (c == '/' && decoded.empty()) continue;
    decoded += c;
  }
  if (decoded.empty()) decoded += '.';
  return decoded;
}

std::string encode_path(std::string_view name) {
  constexpr std::string_view as_is = "-._~!$&'()*+,;=:@/";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(name.size());
  for (const char c : name) {
    if (is_alphanumeric(c) || as_is.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace http
