#include "gyre/io/xattr_ops.h"

#include <liburing.h>
#include <sys/xattr.h>

#include <algorithm>
#include <climits>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

// The kernel refuses values that are larger than 64 KiB: none of that size is cut here.
unsigned clamp(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

constinit const operation_kind fgetxattr::kind("fgetxattr", "fgetxattr(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_FGETXATTR, "5.19");
void fgetxattr::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_fgetxattr(&sqe, fd_, name_, reinterpret_cast<char*>(buffer_.data()),
                          clamp(buffer_.size()));
}
int fgetxattr::perform() noexcept {
  return system_call(
      [this] { return ::fgetxattr(fd_, name_, buffer_.data(), clamp(buffer_.size())); });
}

constinit const operation_kind fsetxattr::kind("fsetxattr", "fsetxattr(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_FSETXATTR, "5.19");
void fsetxattr::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_fsetxattr(&sqe, fd_, name_, reinterpret_cast<const char*>(value_.data()), flags_,
                          clamp(value_.size()));
}
int fsetxattr::perform() noexcept {
  return system_call(
      [this] { return ::fsetxattr(fd_, name_, value_.data(), clamp(value_.size()), flags_); });
}

constinit const operation_kind getxattr::kind("getxattr", "getxattr(2)", awaited_thing::device,
                                              ring_policy::offload, IORING_OP_GETXATTR, "5.19");
void getxattr::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_getxattr(&sqe, name_, reinterpret_cast<char*>(buffer_.data()), path_,
                         clamp(buffer_.size()));
}
int getxattr::perform() noexcept {
  return system_call(
      [this] { return ::getxattr(path_, name_, buffer_.data(), clamp(buffer_.size())); });
}

constinit const operation_kind setxattr::kind("setxattr", "setxattr(2)", awaited_thing::device,
                                              ring_policy::offload, IORING_OP_SETXATTR, "5.19");
void setxattr::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_setxattr(&sqe, name_, reinterpret_cast<const char*>(value_.data()), path_, flags_,
                         clamp(value_.size()));
}
int setxattr::perform() noexcept {
  return system_call(
      [this] { return ::setxattr(path_, name_, value_.data(), clamp(value_.size()), flags_); });
}

constinit const operation_kind flistxattr::kind("flistxattr", "flistxattr(2)",
                                                awaited_thing::device, ring_policy::offload);
int flistxattr::perform() noexcept {
  return system_call([this] { return ::flistxattr(fd_, buffer_.data(), clamp(buffer_.size())); });
}

constinit const operation_kind fremovexattr::kind("fremovexattr", "fremovexattr(2)",
                                                  awaited_thing::device, ring_policy::offload);
int fremovexattr::perform() noexcept {
  return system_call([this] { return ::fremovexattr(fd_, name_); });
}

std::span<const operation_kind* const> xattr_operations() noexcept {
  static constexpr const operation_kind* all[] = {&fgetxattr::kind,  &fsetxattr::kind,
                                                  &getxattr::kind,   &setxattr::kind,
                                                  &flistxattr::kind, &fremovexattr::kind};
  return all;
}

}  // namespace gyre::op
