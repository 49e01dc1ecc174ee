#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "gyre/runtime/result.h"

namespace gyre {

/// An IP address (v4 or v6) with a port. A plain value.
class endpoint {
 public:
  /// 0.0.0.0:0
  endpoint() noexcept;

  /// Reads `127.0.0.1:80`, `[::1]:80`, `[fe80::1%eth0]:80`. Names are not looked up. Fails with
  /// `invalid_argument` for anything else, a port above 65535 included.
  static result<endpoint> parse(std::string_view text) noexcept;
  /// An address as above without brackets, with `port`.
  static result<endpoint> parse(std::string_view address, std::uint16_t port) noexcept;
  static endpoint any_v4(std::uint16_t port) noexcept;
  static endpoint any_v6(std::uint16_t port) noexcept;
  static endpoint loopback_v4(std::uint16_t port) noexcept;
  static endpoint loopback_v6(std::uint16_t port) noexcept;
  /// From what the kernel filled in; another family than AF_INET and AF_INET6 gives the empty one.
  static endpoint from(const sockaddr_storage& address) noexcept;

  bool is_v4() const noexcept { return family() == AF_INET; }
  bool is_v6() const noexcept { return family() == AF_INET6; }
  int family() const noexcept { return address_.v4.sin_family; }
  std::uint16_t port() const noexcept { return ntohs(address_.v4.sin_port); }
  void set_port(std::uint16_t port) noexcept { address_.v4.sin_port = htons(port); }

  /// What `parse` reads.
  std::string to_string() const;
  /// The address alone.
  std::string address() const;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const noexcept { return is_v4() ? sizeof address_.v4 : sizeof address_.v6; }

  friend bool operator==(const endpoint& a, const endpoint& b) noexcept;
  friend std::ostream& operator<<(std::ostream& out, const endpoint& endpoint);

 private:
  union {
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address_;
};

}  // namespace gyre
