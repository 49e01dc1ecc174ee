#include "gyre/fs/mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "gyre/runtime/check.h"

namespace gyre {

mapping::mapping(descriptor mapped, std::span<std::byte> pages, std::span<std::byte> bytes,
                 std::uint64_t offset, mapping_access access) noexcept
    : descriptor_(std::move(mapped)),
      pages_(pages),
      bytes_(bytes),
      offset_(offset),
      access_(access) {}

mapping::mapping(mapping&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      pages_(std::exchange(other.pages_, {})),
      bytes_(std::exchange(other.bytes_, {})),
      offset_(other.offset_),
      access_(other.access_) {}

mapping& mapping::operator=(mapping&& other) noexcept {
  mapping moved(std::move(other));
  std::swap(descriptor_, moved.descriptor_);
  std::swap(pages_, moved.pages_);
  std::swap(bytes_, moved.bytes_);
  std::swap(offset_, moved.offset_);
  std::swap(access_, moved.access_);
  return *this;
}

void mapping::unmap() noexcept {
  check(!descriptor_.users().any(), "a mapping was destroyed while an operation was on it");
  if (!pages_.empty()) munmap(pages_.data(), pages_.size());
  pages_ = {};
  bytes_ = {};
}

task<result<mapping>> mapping::of(file& mapped, mapping_access access) {
  const auto status = co_await mapped.status();
  if (!status) co_return status.error();
  co_return co_await of(mapped, 0, status->size(), access);
}

task<result<mapping>> mapping::of(file& mapped, std::uint64_t offset, std::size_t size,
                                  mapping_access access) {
  const auto status = co_await mapped.status();
  if (!status) co_return status.error();
  if (!status->is_regular()) co_return std::errc::no_such_device;
  if (offset > status->size() || size > status->size() - offset)
    co_return std::errc::invalid_argument;
  descriptor own(fcntl(mapped.opened().number(), F_DUPFD_CLOEXEC, 0));
  if (!own.is_open()) co_return errno_error(errno);
  if (size == 0) co_return mapping(std::move(own), {}, {}, offset, access);
  const std::size_t before = offset % static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const int protection = access == mapping_access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* start = mmap(nullptr, before + size, protection, MAP_SHARED, own.number(),
                     static_cast<off_t>(offset - before));
  if (start == MAP_FAILED) co_return errno_error(errno);
  const std::span pages(static_cast<std::byte*>(start), before + size);
  co_return mapping(std::move(own), pages, pages.subspan(before), offset, access);
}

task<result<void>> mapping::close() {
  // What is in flight needs the pages until the other close has awaited it.
  if (descriptor_.users().closing()) co_return std::errc::bad_file_descriptor;
  const auto closed = co_await descriptor_.close();
  unmap();
  co_return closed;
}

std::span<std::byte> mapping::writable_bytes() noexcept {
  check(access_ == mapping_access::read_write,
        "a mapping for reading was to be written to: make it with mapping_access::read_write");
  return bytes_;
}

op::read_at mapping::read_guarded(std::span<std::byte> buffer, std::size_t offset) noexcept {
  const std::size_t from = std::min(offset, size());
  return {descriptor_, buffer.first(std::min(buffer.size(), size() - from)), offset_ + from};
}

}  // namespace gyre
