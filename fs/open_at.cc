#include "gyre/fs/open_at.h"

#include <fcntl.h>

#include "gyre/io/file_ops.h"

namespace gyre {
namespace {

constexpr int attempts_max = 100;

}  // namespace

task<result<descriptor>> open_at(descriptor& from, const std::string& path, int flags,
                                 unsigned mode, std::uint64_t resolve) {
  if (has_nul(path)) co_return std::errc::invalid_argument;
  // openat2(2) refuses a mode that open(2) has no use for.
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  if (!creates) mode = 0;
  // Beneath a directory a `..` answers EAGAIN when something was renamed meanwhile, wherever.
  for (int attempt = 1;; ++attempt) {
    auto opened =
        co_await op::openat2(from, path.c_str(), static_cast<std::uint64_t>(flags), mode, resolve);
    const bool raced = resolve != 0 && opened.error() == std::errc::resource_unavailable_try_again;
    if (!raced || attempt == attempts_max) co_return opened;
  }
}

}  // namespace gyre
