#include "gyre/net/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <array>
#include <charconv>
#include <cstring>
#include <ostream>

namespace gyre {
namespace {

/// A copy that ends in NUL, or the empty string when it does not fit.
template <std::size_t N>
std::array<char, N> terminated(std::string_view text) noexcept {
  std::array<char, N> copy{};
  if (text.size() < N) std::memcpy(copy.data(), text.data(), text.size());
  return copy;
}

result<std::uint32_t> parse_zone(std::string_view zone) noexcept {
  std::uint32_t index = 0;
  const char* end = zone.data() + zone.size();
  const auto [stopped, error] = std::from_chars(zone.data(), end, index);
  if (error == std::errc() && stopped == end && !zone.empty()) return index;
  index = if_nametoindex(terminated<IF_NAMESIZE>(zone).data());
  if (index == 0) return std::errc::invalid_argument;
  return index;
}

}  // namespace

endpoint::endpoint() noexcept : address_() {
  address_.v4.sin_family = AF_INET;
}

result<endpoint> endpoint::parse(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::errc::invalid_argument;
  std::string_view address = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = address.size() >= 2 && address.front() == '[' && address.back() == ']';
  if (bracketed) address = address.substr(1, address.size() - 2);
  if (bracketed != (address.find(':') != std::string_view::npos))
    return std::errc::invalid_argument;

  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, port);
  if (digits.empty() || error != std::errc() || stopped != end) return std::errc::invalid_argument;
  return parse(address, port);
}

result<endpoint> endpoint::parse(std::string_view address, std::uint16_t port) noexcept {
  endpoint made;
  if (address.find('\0') != std::string_view::npos) return std::errc::invalid_argument;
  if (inet_pton(AF_INET, terminated<INET_ADDRSTRLEN>(address).data(), &made.address_.v4.sin_addr) ==
      1) {
    made.set_port(port);
    return made;
  }
  made.address_.v6 = sockaddr_in6();
  made.address_.v6.sin6_family = AF_INET6;
  const std::size_t percent = address.find('%');
  if (percent != std::string_view::npos) {
    const auto zone = parse_zone(address.substr(percent + 1));
    if (!zone) return zone.error();
    made.address_.v6.sin6_scope_id = *zone;
    address = address.substr(0, percent);
  }
  if (inet_pton(AF_INET6, terminated<INET6_ADDRSTRLEN>(address).data(),
                &made.address_.v6.sin6_addr) != 1)
    return std::errc::invalid_argument;
  made.set_port(port);
  return made;
}

endpoint endpoint::any_v4(std::uint16_t port) noexcept {
  endpoint made;
  made.set_port(port);
  return made;
}

endpoint endpoint::any_v6(std::uint16_t port) noexcept {
  endpoint made;
  made.address_.v6 = sockaddr_in6();
  made.address_.v6.sin6_family = AF_INET6;
  made.set_port(port);
  return made;
}

endpoint endpoint::loopback_v4(std::uint16_t port) noexcept {
  endpoint made = any_v4(port);
  made.address_.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made;
}

endpoint endpoint::loopback_v6(std::uint16_t port) noexcept {
  endpoint made = any_v6(port);
  made.address_.v6.sin6_addr = in6addr_loopback;
  return made;
}

endpoint endpoint::from(const sockaddr_storage& address) noexcept {
  endpoint made;
  if (address.ss_family == AF_INET) std::memcpy(&made.address_.v4, &address, sizeof(sockaddr_in));
  if (address.ss_family == AF_INET6) std::memcpy(&made.address_.v6, &address, sizeof(sockaddr_in6));
  return made;
}

std::string endpoint::address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    inet_ntop(AF_INET, &address_.v4.sin_addr, text.data(), text.size());
    return text.data();
  }
  inet_ntop(AF_INET6, &address_.v6.sin6_addr, text.data(), text.size());
  std::string made = text.data();
  if (address_.v6.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> zone{};
    const bool named = if_indextoname(address_.v6.sin6_scope_id, zone.data()) != nullptr;
    made += '%';
    made += named ? zone.data() : std::to_string(address_.v6.sin6_scope_id);
  }
  return made;
}

std::string endpoint::to_string() const {
  const std::string port_text = std::to_string(port());
  return is_v4() ? address() + ":" + port_text : "[" + address() + "]:" + port_text;
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (a.is_v4()) return a.address_.v4.sin_addr.s_addr == b.address_.v4.sin_addr.s_addr;
  return a.address_.v6.sin6_scope_id == b.address_.v6.sin6_scope_id &&
         std::memcmp(&a.address_.v6.sin6_addr, &b.address_.v6.sin6_addr, sizeof(in6_addr)) == 0;
}

std::ostream& operator<<(std::ostream& out, const endpoint& endpoint) {
  return out << endpoint.to_string();
}

}  // namespace gyre
