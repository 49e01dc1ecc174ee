#include "gyre/io/file_ops.h"

#include <liburing.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

std::size_t clamp(std::size_t size) noexcept {
  return std::min<std::size_t>(size, transfer_max);
}

/// Reads with `call(rest)` until `done` bytes fill the buffer, or the file ends, or can't be read:
/// at least once, for the kernel to look at the file.
template <class Call>
int fill(std::span<std::byte> buffer, std::size_t& done, Call call) noexcept {
  do {
    const auto rest = buffer.subspan(done);
    const int count = system_call([&] { return call(rest.first(clamp(rest.size()))); });
    if (count <= 0) return count;
    done += static_cast<std::size_t>(count);
  } while (done < buffer.size());
  return 0;
}

}  // namespace

constinit const operation_kind openat2::kind("openat2", "openat2(2)", awaited_thing::device,
                                             ring_policy::submit, IORING_OP_OPENAT2, "5.6");
openat2::openat2(descriptor& directory, const char* path, std::uint64_t flags, std::uint64_t mode,
                 std::uint64_t resolve) noexcept
    : operation(kind, &directory.users()), directory_(directory.number()), path_(path), how_() {
  how_.flags = flags | O_CLOEXEC;
  if ((flags & O_PATH) == 0) how_.flags |= O_NONBLOCK;  // which the kernel refuses there
  how_.mode = mode;
  how_.resolve = resolve;
}
void openat2::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_openat2(&sqe, directory_, path_, &how_);
}
int openat2::perform() noexcept {
  return system_call(
      [this] { return syscall(SYS_openat2, directory_, path_, &how_, sizeof how_); });
}
// RESOLVE_CACHED (Linux 5.12) keeps the way there from the disk. EINVAL may be that of an older
// kernel.
int openat2::perform_cached() noexcept {
  open_how cached = how_;
  cached.resolve |= RESOLVE_CACHED;
  const int answer =
      system_call([&] { return syscall(SYS_openat2, directory_, path_, &cached, sizeof cached); });
  return answer == -EINVAL ? -EAGAIN : answer;
}
result<descriptor> openat2::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return descriptor(answer);
}

constinit const operation_kind read_at::kind("read_at", "pread(2)", awaited_thing::device,
                                             ring_policy::submit, IORING_OP_READ, "5.6");
constinit const operation_kind read_at::unpositioned_kind("read_at", "pread(2)",
                                                          awaited_thing::device,
                                                          ring_policy::offload);
void read_at::prepare(io_uring_sqe& sqe) noexcept {
  const auto rest = buffer_.subspan(done_);
  io_uring_prep_read(&sqe, fd_, rest.data(), static_cast<unsigned>(clamp(rest.size())),
                     static_cast<std::uint64_t>(position(offset_ + done_)));
}
int read_at::perform() noexcept {
  return fill(buffer_, done_, [this](std::span<std::byte> rest) {
    return ::pread(fd_, rest.data(), rest.size(), position(offset_ + done_));
  });
}
// What it got stays in done_ when the rest is not there. Not every file system can tell.
int read_at::perform_cached() noexcept {
  const int answer = fill(buffer_, done_, [this](std::span<std::byte> rest) {
    const iovec part = {rest.data(), rest.size()};
    return ::preadv2(fd_, &part, 1, position(offset_ + done_), RWF_NOWAIT);
  });
  return answer == -EOPNOTSUPP || answer == -EINVAL ? -EAGAIN : answer;
}
bool read_at::linkable() const noexcept {
  return buffer_.size() <= transfer_max;
}
bool read_at::advance_by(int count) noexcept {
  done_ += static_cast<std::size_t>(count);
  return done_ < buffer_.size();
}
result<std::size_t> read_at::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return done_;
}

constinit const operation_kind read::kind("read", "read(2)", awaited_thing::reading,
                                          ring_policy::submit, IORING_OP_READ, "5.6");
void read::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_read(&sqe, fd_, buffer_.data(), static_cast<unsigned>(clamp(buffer_.size())),
                     static_cast<std::uint64_t>(-1));
}
// A descriptor that is not O_NONBLOCK must not hold up whoever makes the call, and could not be
// stopped. Not every file can be asked with RWF_NOWAIT, and some that don't wait for others, as
// regular ones, have nothing in the cache.
int read::perform() noexcept {
  const iovec part = {buffer_.data(), clamp(buffer_.size())};
  const int answer = system_call([&] { return ::preadv2(fd_, &part, 1, -1, RWF_NOWAIT); });
  if (answer != -EAGAIN && answer != -EOPNOTSUPP) return answer;
  if (!is_ready(fd_, POLLIN)) return -EAGAIN;
  return system_call([&] { return ::read(fd_, part.iov_base, part.iov_len); });
}
readiness read::ready_when() const noexcept {
  return {fd_, POLLIN};
}

// What a kernel doesn't know it doesn't tell.
constexpr unsigned status_asked_for = STATX_BASIC_STATS | STATX_DIOALIGN;

constinit const operation_kind fstat::kind("fstat", "statx(2)", awaited_thing::nothing,
                                           ring_policy::perform, IORING_OP_STATX, "5.6");
void fstat::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_statx(&sqe, fd_, "", AT_EMPTY_PATH, status_asked_for, &status_);
}
int fstat::perform() noexcept {
  return system_call(
      [this] { return ::statx(fd_, "", AT_EMPTY_PATH, status_asked_for, &status_); });
}
result<struct statx> fstat::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return status_;
}

constinit const operation_kind fchmod::kind("fchmod", "fchmod(2)", awaited_thing::device,
                                            ring_policy::offload);
int fchmod::perform() noexcept {
  return system_call([this] { return ::fchmod(fd_, mode_); });
}

constinit const operation_kind fchown::kind("fchown", "fchown(2)", awaited_thing::device,
                                            ring_policy::offload);
int fchown::perform() noexcept {
  return system_call([this] { return ::fchown(fd_, owner_, group_); });
}

std::span<const operation_kind* const> file_operations() noexcept {
  static constexpr const operation_kind* all[] = {&openat2::kind, &read_at::kind, &read::kind,
                                                  &fstat::kind,   &fchmod::kind,  &fchown::kind};
  return all;
}

}  // namespace gyre::op
