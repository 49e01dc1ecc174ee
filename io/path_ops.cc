#include "gyre/io/path_ops.h"

#include <dirent.h>
#include <liburing.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>

#include "gyre/io/system_call.h"

namespace gyre::op {

constinit const operation_kind stat::kind("stat", "statx(2)", awaited_thing::device,
                                          ring_policy::offload, IORING_OP_STATX, "5.6");
void stat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_statx(&sqe, directory_, path_, flags_, STATX_BASIC_STATS | STATX_BTIME, &status_);
}
int stat::perform() noexcept {
  return system_call([this] {
    return ::statx(directory_, path_, flags_, STATX_BASIC_STATS | STATX_BTIME, &status_);
  });
}
result<struct statx> stat::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return status_;
}

constinit const operation_kind renameat2::kind("renameat2", "renameat2(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_RENAMEAT, "5.11");
void renameat2::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_renameat(&sqe, from_directory_, from_, to_directory_, to_, flags_);
}
int renameat2::perform() noexcept {
  return system_call(
      [this] { return ::renameat2(from_directory_, from_, to_directory_, to_, flags_); });
}

constinit const operation_kind unlinkat::kind("unlinkat", "unlinkat(2)", awaited_thing::device,
                                              ring_policy::offload, IORING_OP_UNLINKAT, "5.11");
void unlinkat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_unlinkat(&sqe, directory_, path_, flags_);
}
int unlinkat::perform() noexcept {
  return system_call([this] { return ::unlinkat(directory_, path_, flags_); });
}

constinit const operation_kind mkdirat::kind("mkdirat", "mkdirat(2)", awaited_thing::device,
                                             ring_policy::offload, IORING_OP_MKDIRAT, "5.15");
void mkdirat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_mkdirat(&sqe, directory_, path_, mode_);
}
int mkdirat::perform() noexcept {
  return system_call([this] { return ::mkdirat(directory_, path_, mode_); });
}

constinit const operation_kind symlinkat::kind("symlinkat", "symlinkat(2)", awaited_thing::device,
                                               ring_policy::offload, IORING_OP_SYMLINKAT, "5.15");
void symlinkat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_symlinkat(&sqe, target_, directory_, path_);
}
int symlinkat::perform() noexcept {
  return system_call([this] { return ::symlinkat(target_, directory_, path_); });
}

constinit const operation_kind linkat::kind("linkat", "linkat(2)", awaited_thing::device,
                                            ring_policy::offload, IORING_OP_LINKAT, "5.15");
void linkat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_linkat(&sqe, from_directory_, from_, to_directory_, to_, flags_);
}
int linkat::perform() noexcept {
  return system_call(
      [this] { return ::linkat(from_directory_, from_, to_directory_, to_, flags_); });
}

constinit const operation_kind readlinkat::kind("readlinkat", "readlinkat(2)",
                                                awaited_thing::device, ring_policy::offload);
int readlinkat::perform() noexcept {
  return system_call(
      [this] { return ::readlinkat(directory_, path_, buffer_.data(), buffer_.size()); });
}

constinit const operation_kind getdents64::kind("getdents64", "getdents64(2)",
                                                awaited_thing::device, ring_policy::offload);
int getdents64::perform() noexcept {
  const std::size_t size = std::min<std::size_t>(buffer_.size(), INT_MAX);
  return system_call([&] { return ::getdents64(directory_, buffer_.data(), size); });
}

constinit const operation_kind inotify_add_watch::kind("inotify_add_watch", "inotify_add_watch(2)",
                                                       awaited_thing::device, ring_policy::offload);
int inotify_add_watch::perform() noexcept {
  return system_call([this] { return ::inotify_add_watch(inotify_, path_, events_); });
}
result<int> inotify_add_watch::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return answer;
}

std::span<const operation_kind* const> path_operations() noexcept {
  static constexpr const operation_kind* all[] = {
      &stat::kind,       &renameat2::kind,  &unlinkat::kind,
      &mkdirat::kind,    &symlinkat::kind,  &linkat::kind,
      &readlinkat::kind, &getdents64::kind, &inotify_add_watch::kind};
  return all;
}

}  // namespace gyre::op
