#include "gyre/fs/open_at.h"

#include <fcntl.h>

#include "gyre/io/file_ops.h"

namespace gyre {

task<result<descriptor>> open_at(descriptor& from, const std::string& path, int flags,
                                 unsigned mode, std::uint64_t resolve) {
  if (has_nul(path)) co_return std::errc::invalid_argument;
  // openat2(2) refuses a mode that open(2) has no use for.
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  if (!creates) mode = 0;
  co_return co_await op::openat2(from, path.c_str(), static_cast<std::uint64_t>(flags), mode,
                                 resolve);
}

}  // namespace gyre
