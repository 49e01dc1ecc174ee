#include "gyre/io/space_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#include "gyre/io/system_call.h"
#include "gyre/io/uring_abi.h"

namespace gyre::op {

constinit const operation_kind fsync::kind("fsync", "fsync(2)", awaited_thing::device,
                                           ring_policy::offload, IORING_OP_FSYNC, "5.1");
int fsync::perform() noexcept {
  return system_call([this] { return what_ == what::all ? ::fsync(fd_) : ::fdatasync(fd_); });
}

constinit const operation_kind sync_file_range::kind("sync_file_range", "sync_file_range(2)",
                                                     awaited_thing::device, ring_policy::offload,
                                                     IORING_OP_SYNC_FILE_RANGE, "5.2");
int sync_file_range::perform() noexcept {
  return system_call(
      [this] { return ::sync_file_range(fd_, position(offset_), position(size_), flags_); });
}

constinit const operation_kind fallocate::kind("fallocate", "fallocate(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_FALLOCATE, "5.6");
int fallocate::perform() noexcept {
  return system_call(
      [this] { return ::fallocate(fd_, mode_, position(offset_), position(size_)); });
}

constinit const operation_kind ftruncate::kind("ftruncate", "ftruncate(2)", awaited_thing::device,
                                               ring_policy::offload, uring_abi::op_ftruncate,
                                               "6.9");
int ftruncate::perform() noexcept {
  return system_call([this] { return ::ftruncate(fd_, position(size_)); });
}

constinit const operation_kind fadvise::kind("fadvise", "posix_fadvise(2)", awaited_thing::device,
                                             ring_policy::offload, IORING_OP_FADVISE, "5.6");
int fadvise::perform() noexcept {
  return -::posix_fadvise(fd_, position(offset_), position(size_), advice_);
}

constinit const operation_kind readahead::kind("readahead", "readahead(2)", awaited_thing::device,
                                               ring_policy::offload);
int readahead::perform() noexcept {
  return system_call([this] { return ::readahead(fd_, position(offset_), size_); });
}

std::span<const operation_kind* const> space_operations() noexcept {
  static constexpr const operation_kind* all[] = {&fsync::kind,     &sync_file_range::kind,
                                                  &fallocate::kind, &ftruncate::kind,
                                                  &fadvise::kind,   &readahead::kind};
  return all;
}

}  // namespace gyre::op
