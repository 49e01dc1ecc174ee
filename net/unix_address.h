#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "gyre/runtime/result.h"

namespace gyre {

/// The address of a Unix socket: a path, an abstract name, or none. A plain value. See unix(7).
class unix_address {
 public:
  /// Bytes that a path or an abstract name may have.
  static constexpr std::size_t size_max = sizeof(sockaddr_un::sun_path) - 1;

  /// None: that of a socket that was not bound.
  unix_address() noexcept;

  /// A path in the file system. `filename_too_long` beyond `size_max`: change into its directory,
  /// or use a shorter one; nothing is cut. `invalid_argument` when it is empty or contains a NUL.
  static result<unix_address> path(std::string_view path) noexcept;
  /// A name that lies in no file system, and is gone with its socket. It may contain any bytes.
  /// `filename_too_long` beyond `size_max`, `invalid_argument` when it is empty.
  static result<unix_address> abstract(std::string_view name) noexcept;
  /// From what the kernel filled in; another family than AF_UNIX gives none.
  static unix_address from(const sockaddr_storage& address, socklen_t size) noexcept;

  bool is_unnamed() const noexcept { return size_ <= offsetof(sockaddr_un, sun_path); }
  bool is_abstract() const noexcept { return !is_unnamed() && address_.sun_path[0] == '\0'; }
  bool is_path() const noexcept { return !is_unnamed() && !is_abstract(); }

  /// The path, or the abstract name without its leading NUL; empty where there is none. Valid as
  /// long as this address.
  std::string_view name() const noexcept;
  /// For a person: the path, an abstract name after `@`, or `(unnamed)`.
  std::string to_string() const;

  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const noexcept { return size_; }

  friend bool operator==(const unix_address& a, const unix_address& b) noexcept {
    return a.is_abstract() == b.is_abstract() && a.name() == b.name();
  }

 private:
  sockaddr_un address_;
  socklen_t size_;
};

}  // namespace gyre
