#include "gyre/fs/entry_path.h"

#include <cstddef>
#include <utility>

#include "gyre/fs/open_at.h"

namespace gyre {

entry_path::entry_path(std::string parent, std::string name) noexcept
    : parent_(std::move(parent)), name_(std::move(name)) {}

result<entry_path> entry_path::of(std::string path) {
  if (has_nul(path)) return std::errc::invalid_argument;
  if (path.empty()) return std::errc::no_such_file_or_directory;
  if (path.front() == '/') return std::errc::cross_device_link;
  const std::size_t slash = path.rfind('/');
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (name.empty() || name == "." || name == "..") return std::errc::invalid_argument;
  path.resize(slash == std::string::npos ? 0 : slash);
  return entry_path(std::move(path), std::move(name));
}

}  // namespace gyre
