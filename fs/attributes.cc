#include "gyre/fs/attributes.h"

#include <sys/xattr.h>

#include <string_view>

#include "gyre/fs/open_at.h"
#include "gyre/io/xattr_ops.h"

namespace gyre {
namespace {

// Nearly all values fit into the first; the kernel has none, and no list, that is larger than the
// second.
constexpr std::size_t likely_bytes = 256;
constexpr std::size_t bytes_max = 65536;

int flags_of(attribute_rule rule) noexcept {
  switch (rule) {
    case attribute_rule::create:
      return XATTR_CREATE;
    case attribute_rule::replace:
      return XATTR_REPLACE;
    case attribute_rule::set:
      break;
  }
  return 0;
}

bool too_small(const result<std::size_t>& size) noexcept {
  return size.error() == std::errc::result_out_of_range;
}

/// What `read(bytes)` gives, an operation that fills `bytes`.
template <class Bytes, class Read>
task<result<Bytes>> read_all(Read read) {
  Bytes bytes(likely_bytes, typename Bytes::value_type());
  auto size = co_await read(bytes);
  if (too_small(size)) {
    bytes.resize(bytes_max);
    size = co_await read(bytes);
  }
  if (!size) co_return size.error();
  bytes.resize(*size);
  co_return bytes;
}

}  // namespace

task<result<std::vector<std::byte>>> get_attribute(descriptor& of, std::string name) {
  if (has_nul(name)) co_return std::errc::invalid_argument;
  co_return co_await read_all<std::vector<std::byte>>(
      [&](std::span<std::byte> into) { return op::fgetxattr(of, name.c_str(), into); });
}

task<result<std::vector<std::byte>>> get_attribute(std::string path, std::string name) {
  if (has_nul(path) || has_nul(name)) co_return std::errc::invalid_argument;
  co_return co_await read_all<std::vector<std::byte>>(
      [&](std::span<std::byte> into) { return op::getxattr(path.c_str(), name.c_str(), into); });
}

task<result<void>> set_attribute(descriptor& of, std::string name, std::span<const std::byte> value,
                                 attribute_rule rule) {
  if (has_nul(name)) co_return std::errc::invalid_argument;
  co_return co_await op::fsetxattr(of, name.c_str(), value, flags_of(rule));
}

task<result<void>> set_attribute(std::string path, std::string name,
                                 std::span<const std::byte> value, attribute_rule rule) {
  if (has_nul(path) || has_nul(name)) co_return std::errc::invalid_argument;
  co_return co_await op::setxattr(path.c_str(), name.c_str(), value, flags_of(rule));
}

task<result<void>> remove_attribute(descriptor& of, std::string name) {
  if (has_nul(name)) co_return std::errc::invalid_argument;
  co_return co_await op::fremovexattr(of, name.c_str());
}

task<result<std::vector<std::string>>> attribute_names(descriptor& of) {
  const auto list = co_await read_all<std::string>(
      [&](std::span<char> into) { return op::flistxattr(of, into); });
  if (!list) co_return list.error();
  std::vector<std::string> names;
  for (std::string_view rest = *list; !rest.empty();) {
    const std::size_t end = rest.find('\0');
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(names.back().size() + 1);
  }
  co_return names;
}

}  // namespace gyre
