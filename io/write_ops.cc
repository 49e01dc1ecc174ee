#include "gyre/io/write_ops.h"

#include <liburing.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

std::size_t clamp(std::size_t size) noexcept {
  return std::min<std::size_t>(size, transfer_max);
}

// More than the kernel takes is refused by it.
unsigned count_of(std::span<const iovec> buffers) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(buffers.size(), IOV_MAX + 1));
}

}  // namespace

constinit const operation_kind write_at::kind("write_at", "pwrite(2)", awaited_thing::device,
                                              ring_policy::offload, IORING_OP_WRITE, "5.6");
constinit const operation_kind write_at::overwrite_kind("overwrite_at", "pwrite(2)",
                                                        awaited_thing::device, ring_policy::submit,
                                                        IORING_OP_WRITE, "5.6");
constinit const operation_kind write_at::unpositioned_kind("write_at", "pwrite(2)",
                                                           awaited_thing::device,
                                                           ring_policy::offload);
void write_at::prepare(io_uring_sqe& sqe) noexcept {
  const auto rest = buffer_.subspan(done_);
  io_uring_prep_write(&sqe, fd_, rest.data(), static_cast<unsigned>(clamp(rest.size())),
                      static_cast<std::uint64_t>(position(offset_ + done_)));
}
// A file that takes nothing and gives no error would be tried for ever.
int write_at::perform() noexcept {
  while (done_ < buffer_.size()) {
    const auto rest = buffer_.subspan(done_);
    const int count = system_call(
        [&] { return ::pwrite(fd_, rest.data(), clamp(rest.size()), position(offset_ + done_)); });
    if (count < 0) return count;
    if (count == 0) return -EIO;
    done_ += static_cast<std::size_t>(count);
  }
  return 0;
}
bool write_at::linkable() const noexcept {
  return buffer_.size() <= transfer_max;
}
bool write_at::advance_by(int count) noexcept {
  done_ += static_cast<std::size_t>(count);
  return done_ < buffer_.size();
}
result<void> write_at::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  if (done_ < buffer_.size()) return std::errc::operation_canceled;
  return {};
}

constinit const operation_kind write::kind("write", "write(2)", awaited_thing::writing,
                                           ring_policy::submit, IORING_OP_WRITE, "5.6");
constinit const operation_kind write::plain_kind("write", "write(2)", awaited_thing::writing,
                                                 ring_policy::perform);
void write::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_write(&sqe, fd_, buffer_.data(), static_cast<unsigned>(clamp(buffer_.size())),
                      static_cast<std::uint64_t>(-1));
}
// As `read::perform`. Of a pipe that is ready PIPE_BUF bytes are known to have room.
int write::perform() noexcept {
  if (is_plain()) return plain_.attempt(fd_, buffer_);
  const iovec part = {const_cast<std::byte*>(buffer_.data()), clamp(buffer_.size())};
  const int answer = system_call([&] { return ::pwritev2(fd_, &part, 1, -1, RWF_NOWAIT); });
  if (answer != -EAGAIN && answer != -EOPNOTSUPP) return answer;
  if (!is_ready(fd_, POLLOUT)) return -EAGAIN;
  const std::size_t most = std::min<std::size_t>(part.iov_len, PIPE_BUF);
  return system_call([&] { return ::write(fd_, part.iov_base, most); });
}
readiness write::ready_when() const noexcept {
  return plain_.ready_when(fd_);
}

constinit const operation_kind preadv2::kind("preadv2", "preadv2(2)", awaited_thing::device,
                                             ring_policy::offload, IORING_OP_READV, "5.1");
constinit const operation_kind preadv2::unpositioned_kind("preadv2", "preadv2(2)",
                                                          awaited_thing::device,
                                                          ring_policy::offload);
void preadv2::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_readv2(&sqe, fd_, buffers_.data(), count_of(buffers_),
                       static_cast<std::uint64_t>(position(offset_)), flags_);
}
int preadv2::perform() noexcept {
  if (buffers_.size() > IOV_MAX) return -EINVAL;
  return system_call([this] {
    return ::preadv2(fd_, buffers_.data(), static_cast<int>(buffers_.size()), position(offset_),
                     flags_);
  });
}
// Asked for RWF_NOWAIT, -EAGAIN is the answer, which `perform` gives as well.
int preadv2::perform_cached() noexcept {
  if (buffers_.size() > IOV_MAX) return -EINVAL;
  const int answer = system_call([this] {
    return ::preadv2(fd_, buffers_.data(), static_cast<int>(buffers_.size()), position(offset_),
                     flags_ | RWF_NOWAIT);
  });
  return answer == -EOPNOTSUPP || answer == -EINVAL ? -EAGAIN : answer;
}

constinit const operation_kind pwritev2::kind("pwritev2", "pwritev2(2)", awaited_thing::device,
                                              ring_policy::offload, IORING_OP_WRITEV, "5.1");
constinit const operation_kind pwritev2::unpositioned_kind("pwritev2", "pwritev2(2)",
                                                           awaited_thing::device,
                                                           ring_policy::offload);
void pwritev2::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_writev2(&sqe, fd_, buffers_.data(), count_of(buffers_),
                        static_cast<std::uint64_t>(position(offset_)), flags_);
}
int pwritev2::perform() noexcept {
  if (buffers_.size() > IOV_MAX) return -EINVAL;
  return system_call([this] {
    return ::pwritev2(fd_, buffers_.data(), static_cast<int>(buffers_.size()), position(offset_),
                      flags_);
  });
}

std::span<const operation_kind* const> write_operations() noexcept {
  static constexpr const operation_kind* all[] = {&write_at::kind, &write_at::overwrite_kind,
                                                  &write::kind, &preadv2::kind, &pwritev2::kind};
  return all;
}

}  // namespace gyre::op
