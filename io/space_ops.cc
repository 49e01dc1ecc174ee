#include "gyre/io/space_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include "gyre/io/system_call.h"
#include "gyre/io/uring_abi.h"

namespace gyre::op {

constinit const operation_kind fsync::kind("fsync", "fsync(2)", awaited_thing::device,
                                           ring_policy::offload, IORING_OP_FSYNC, "5.1");
void fsync::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_fsync(&sqe, fd_, what_ == what::all ? 0 : IORING_FSYNC_DATASYNC);
}
int fsync::perform() noexcept {
  return system_call([this] { return what_ == what::all ? ::fsync(fd_) : ::fdatasync(fd_); });
}

constinit const operation_kind sync_file_range::kind("sync_file_range", "sync_file_range(2)",
                                                     awaited_thing::device, ring_policy::offload,
                                                     IORING_OP_SYNC_FILE_RANGE, "5.2");
void sync_file_range::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_sync_file_range(&sqe, fd_, static_cast<unsigned>(size_),
                                static_cast<std::uint64_t>(position(offset_)),
                                static_cast<int>(flags_));
}
int sync_file_range::perform() noexcept {
  return system_call(
      [this] { return ::sync_file_range(fd_, position(offset_), position(size_), flags_); });
}
// A submission has 32 bits for it.
bool sync_file_range::linkable() const noexcept {
  return size_ <= UINT32_MAX;
}

constinit const operation_kind fallocate::kind("fallocate", "fallocate(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_FALLOCATE, "5.6");
void fallocate::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_fallocate(&sqe, fd_, mode_, position(offset_), position(size_));
}
int fallocate::perform() noexcept {
  return system_call(
      [this] { return ::fallocate(fd_, mode_, position(offset_), position(size_)); });
}

constinit const operation_kind ftruncate::kind("ftruncate", "ftruncate(2)", awaited_thing::device,
                                               ring_policy::offload, uring_abi::op_ftruncate,
                                               "6.9");
void ftruncate::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_rw(uring_abi::op_ftruncate, &sqe, fd_, nullptr, 0,
                   static_cast<std::uint64_t>(position(size_)));
}
int ftruncate::perform() noexcept {
  return system_call([this] { return ::ftruncate(fd_, position(size_)); });
}

constinit const operation_kind fadvise::kind("fadvise", "posix_fadvise(2)", awaited_thing::device,
                                             ring_policy::offload, IORING_OP_FADVISE, "5.6");
void fadvise::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_fadvise(&sqe, fd_, static_cast<std::uint64_t>(position(offset_)),
                        static_cast<off_t>(size_), advice_);
}
int fadvise::perform() noexcept {
  return -::posix_fadvise(fd_, position(offset_), position(size_), advice_);
}
bool fadvise::linkable() const noexcept {
  return size_ <= UINT32_MAX;
}

constinit const operation_kind readahead::kind("readahead", "readahead(2)", awaited_thing::device,
                                               ring_policy::offload);
int readahead::perform() noexcept {
  return system_call([this] { return ::readahead(fd_, position(offset_), size_); });
}

constinit const operation_kind syncfs::kind("syncfs", "syncfs(2)", awaited_thing::device,
                                            ring_policy::offload);
int syncfs::perform() noexcept {
  return system_call([this] { return ::syncfs(fd_); });
}

std::span<const operation_kind* const> space_operations() noexcept {
  static constexpr const operation_kind* all[] = {
      &fsync::kind,   &sync_file_range::kind, &fallocate::kind, &ftruncate::kind,
      &fadvise::kind, &readahead::kind,       &syncfs::kind};
  return all;
}

}  // namespace gyre::op
