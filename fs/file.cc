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

namespace {

constexpr std::size_t usual_alignment = 4096;

}  // namespace

task<result<file_status>> file::status() {
  const auto status = co_await op::fstat(descriptor_);
  if (!status) co_return status.error();
  co_return file_status(*status);
}

task<result<direct_alignment>> file::direct_io_alignment() {
  const auto status = co_await op::fstat(descriptor_);
  if (!status) co_return status.error();
  if ((status->stx_mask & STATX_DIOALIGN) == 0)
    co_return direct_alignment(usual_alignment, usual_alignment);
  if (status->stx_dio_mem_align == 0 || status->stx_dio_offset_align == 0)
    co_return std::errc::operation_not_supported;
  co_return direct_alignment(status->stx_dio_mem_align, status->stx_dio_offset_align);
}

}  // namespace gyre
