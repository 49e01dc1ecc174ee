#include "gyre/fs/file.h"

#include <fcntl.h>

#include <utility>

namespace gyre {
namespace {

task<result<descriptor>> open_at(descriptor& from, const std::string& path, int flags,
                                 unsigned mode, std::uint64_t resolve) {
  if (path.find('\0') != std::string::npos) co_return std::errc::invalid_argument;
  // openat2(2) refuses a mode that open(2) has no use for.
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  if (!creates) mode = 0;
  co_return co_await op::openat2(from, path.c_str(), static_cast<std::uint64_t>(flags), mode,
                                 resolve);
}

}  // namespace

task<result<file>> file::open(std::string path, int flags, unsigned mode) {
  descriptor here(AT_FDCWD);
  auto opened = co_await open_at(here, path, flags | O_NONBLOCK, mode, 0);
  if (!opened) co_return opened.error();
  co_return file(*std::move(opened));
}

task<result<file_status>> file::status() {
  const auto status = co_await op::fstat(descriptor_);
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
  constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  auto opened = co_await open_at(descriptor_, path, flags | O_NONBLOCK, mode, beneath);
  if (!opened) co_return opened.error();
  co_return file(*std::move(opened));
}

}  // namespace gyre
