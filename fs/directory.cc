#include "gyre/fs/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "gyre/fs/entry_path.h"
#include "gyre/fs/open_at.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/path_ops.h"

namespace gyre {
namespace {

constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
constexpr std::size_t link_bytes_max = 4096;  // PATH_MAX, with a NUL that isn't there

/// An entry of a directory: its name in what was opened on the way there, or in the directory that
/// the way began in.
class entry {
 public:
  entry(descriptor& start, std::string name) noexcept : start_(&start), name_(std::move(name)) {}
  entry(descriptor&& parent, std::string name) noexcept
      : parent_(std::move(parent)), name_(std::move(name)) {}

  descriptor& parent() noexcept { return start_ ? *start_ : parent_; }
  const char* name() const noexcept { return name_.c_str(); }

 private:
  descriptor* start_ = nullptr;
  descriptor parent_;
  std::string name_;
};

/// Where `path` ends. There is no RESOLVE_BENEATH but for opening, so all of the path but its last
/// name is opened; the calls that are for names don't follow that.
task<result<entry>> entry_beneath(descriptor& start, std::string path) {
  auto split = entry_path::of(std::move(path));
  if (!split) co_return split.error();
  if (!split->has_parent()) co_return entry(start, split->name());
  auto parent = co_await open_at(start, split->parent(), O_PATH | O_DIRECTORY, 0, beneath);
  if (!parent) co_return parent.error();
  co_return entry(*std::move(parent), split->name());
}

unsigned flags_of(rename_rule rule) noexcept {
  switch (rule) {
    case rename_rule::keep:
      return RENAME_NOREPLACE;
    case rename_rule::exchange:
      return RENAME_EXCHANGE;
    case rename_rule::replace:
      break;
  }
  return 0;
}

task<result<void>> remove(descriptor& start, std::string path, int flags) {
  auto found = co_await entry_beneath(start, std::move(path));
  if (!found) co_return found.error();
  co_return co_await op::unlinkat(found->parent(), found->name(), flags);
}

}  // namespace

task<result<file_status>> status_of(std::string path, last_link link) {
  if (has_nul(path)) co_return std::errc::invalid_argument;
  descriptor here(AT_FDCWD);
  const int flags = link == last_link::itself ? AT_SYMLINK_NOFOLLOW : 0;
  const auto status = co_await op::stat(here, path.c_str(), flags);
  if (!status) co_return status.error();
  co_return file_status(*status);
}

task<result<directory>> directory::open(std::string path) {
  descriptor here(AT_FDCWD);
  auto opened = co_await open_at(here, path, O_RDONLY | O_DIRECTORY, 0, 0);
  if (!opened) co_return opened.error();
  co_return directory(*std::move(opened));
}

task<result<file>> directory::open_beneath(std::string path, int flags, unsigned mode) {
  auto opened = co_await open_at(descriptor_, path, flags | O_NONBLOCK, mode, beneath);
  if (!opened) co_return opened.error();
  co_return file(*std::move(opened));
}

task<result<directory>> directory::open_directory_beneath(std::string path) {
  auto opened = co_await open_at(descriptor_, path, O_RDONLY | O_DIRECTORY, 0, beneath);
  if (!opened) co_return opened.error();
  co_return directory(*std::move(opened));
}

task<result<file_status>> directory::status_beneath(std::string path, last_link link) {
  const int flags = link == last_link::itself ? O_PATH | O_NOFOLLOW : O_PATH;
  auto opened = co_await open_at(descriptor_, path, flags, 0, beneath);
  if (!opened) co_return opened.error();
  co_return co_await file(*std::move(opened)).status();
}

task<result<void>> directory::make_directory_beneath(std::string path, unsigned mode) {
  auto made = co_await entry_beneath(descriptor_, std::move(path));
  if (!made) co_return made.error();
  co_return co_await op::mkdirat(made->parent(), made->name(), mode);
}

task<result<void>> directory::remove_beneath(std::string path) {
  return remove(descriptor_, std::move(path), 0);
}

task<result<void>> directory::remove_directory_beneath(std::string path) {
  return remove(descriptor_, std::move(path), AT_REMOVEDIR);
}

task<result<void>> directory::rename_beneath(std::string from, directory& to_directory,
                                             std::string to, rename_rule rule) {
  auto old_entry = co_await entry_beneath(descriptor_, std::move(from));
  if (!old_entry) co_return old_entry.error();
  auto new_entry = co_await entry_beneath(to_directory.descriptor_, std::move(to));
  if (!new_entry) co_return new_entry.error();
  co_return co_await op::renameat2(old_entry->parent(), old_entry->name(), new_entry->parent(),
                                   new_entry->name(), flags_of(rule));
}

task<result<void>> directory::make_symbolic_link_beneath(std::string target, std::string path) {
  if (has_nul(target)) co_return std::errc::invalid_argument;
  auto made = co_await entry_beneath(descriptor_, std::move(path));
  if (!made) co_return made.error();
  co_return co_await op::symlinkat(target.c_str(), made->parent(), made->name());
}

task<result<std::string>> directory::read_link_beneath(std::string path) {
  auto found = co_await entry_beneath(descriptor_, std::move(path));
  if (!found) co_return found.error();
  std::string said(link_bytes_max, '\0');
  const auto size = co_await op::readlinkat(found->parent(), found->name(), said);
  if (!size) co_return size.error();
  if (*size == said.size()) co_return std::errc::filename_too_long;
  said.resize(*size);
  co_return said;
}

task<result<void>> directory::link_beneath(std::string from, directory& to_directory,
                                           std::string to) {
  auto old_entry = co_await entry_beneath(descriptor_, std::move(from));
  if (!old_entry) co_return old_entry.error();
  auto new_entry = co_await entry_beneath(to_directory.descriptor_, std::move(to));
  if (!new_entry) co_return new_entry.error();
  co_return co_await op::linkat(old_entry->parent(), old_entry->name(), new_entry->parent(),
                                new_entry->name(), 0);
}

}  // namespace gyre
