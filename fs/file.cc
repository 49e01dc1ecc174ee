#include "gyre/fs/file.h"

#include <fcntl.h>

#include <utility>

#include "gyre/fs/open_at.h"

namespace gyre {

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

}  // namespace gyre
