#include "gyre/net/unix_address.h"

#include <algorithm>
#include <cstring>

namespace gyre {
namespace {

constexpr std::size_t before_name = offsetof(sockaddr_un, sun_path);

}  // namespace

unix_address::unix_address() noexcept : address_(), size_(before_name) {
  address_.sun_family = AF_UNIX;
}

result<unix_address> unix_address::path(std::string_view path) noexcept {
  if (path.empty() || path.find('\0') != std::string_view::npos) return std::errc::invalid_argument;
  if (path.size() > size_max) return std::errc::filename_too_long;
  unix_address made;
  std::memcpy(made.address_.sun_path, path.data(), path.size());
  made.size_ = static_cast<socklen_t>(before_name + path.size() + 1);
  return made;
}

result<unix_address> unix_address::abstract(std::string_view name) noexcept {
  if (name.empty()) return std::errc::invalid_argument;
  if (name.size() > size_max) return std::errc::filename_too_long;
  unix_address made;
  std::memcpy(made.address_.sun_path + 1, name.data(), name.size());
  made.size_ = static_cast<socklen_t>(before_name + 1 + name.size());
  return made;
}

unix_address unix_address::from(const sockaddr_storage& address, socklen_t size) noexcept {
  unix_address made;
  if (address.ss_family != AF_UNIX || size <= before_name) return made;
  made.size_ = std::min<socklen_t>(size, sizeof made.address_);
  std::memcpy(&made.address_, &address, made.size_);
  return made;
}

std::string_view unix_address::name() const noexcept {
  if (is_unnamed()) return {};
  const std::string_view all(address_.sun_path, size_ - before_name);
  return is_abstract() ? all.substr(1) : all.substr(0, all.find('\0'));
}

std::string unix_address::to_string() const {
  if (is_unnamed()) return "(unnamed)";
  return (is_abstract() ? "@" : "") + std::string(name());
}

}  // namespace gyre
