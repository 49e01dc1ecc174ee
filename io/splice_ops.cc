#include "gyre/io/splice_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

unsigned clamp(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, transfer_max));
}

bool is_empty(int pipe) noexcept {
  int bytes = 0;
  return ioctl(pipe, FIONREAD, &bytes) == 0 && bytes == 0;
}

}  // namespace

constinit const operation_kind splice_from_file::kind("splice_from_file", "splice(2)",
                                                      awaited_thing::device, ring_policy::submit,
                                                      IORING_OP_SPLICE, "5.7");
splice_from_file::splice_from_file(descriptor& file, std::uint64_t offset, descriptor& pipe,
                                   std::size_t most) noexcept
    : operation(kind, pipe.users(), file.users()),
      file_(file.number()),
      offset_(position(offset)),
      pipe_(pipe.number()),
      most_(clamp(most)) {}
void splice_from_file::prepare(io_uring_sqe& sqe) noexcept {
  pipe_full_ = true;  // is what EAGAIN means in a ring
  // A worker that waits for room would be lost to everybody else.
  io_uring_prep_splice(&sqe, file_, offset_, pipe_, -1, most_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}
int splice_from_file::perform() noexcept {
  // Nobody could end a wait for room in here.
  const int answer = system_call([this] {
    off64_t offset = offset_;
    return ::splice(file_, &offset, pipe_, nullptr, most_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  });
  pipe_full_ = answer == -EAGAIN;
  return answer;
}
// It may have to wait twice: for the disk, which can't be known before, and for room in the pipe.
readiness splice_from_file::ready_when() const noexcept {
  if (!pipe_full_) return readiness::none();
  return {pipe_, POLLOUT};
}

constinit const operation_kind splice_to_socket::kind("splice_to_socket", "splice(2)",
                                                      awaited_thing::writing, ring_policy::perform);
splice_to_socket::splice_to_socket(descriptor& pipe, descriptor& socket, std::size_t most,
                                   bool more) noexcept
    : operation(kind, socket.users(), pipe.users()),
      pipe_(pipe.number()),
      socket_(socket.number()),
      most_(clamp(most)),
      flags_(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0U)) {}
int splice_to_socket::perform() noexcept {
  const auto splice = [this] { return ::splice(pipe_, nullptr, socket_, nullptr, most_, flags_); };
  const int first = system_call(splice);
  if (first != -EAGAIN) return first;
  // Only the socket can be waited for: an empty pipe would be asked again and again, and one that
  // was empty, and has been filled since, would wait for a socket that is ready.
  return is_empty(pipe_) ? -ENODATA : system_call(splice);
}
readiness splice_to_socket::ready_when() const noexcept {
  return {socket_, POLLOUT};
}

std::span<const operation_kind* const> splice_operations() noexcept {
  static constexpr const operation_kind* all[] = {&splice_from_file::kind, &splice_to_socket::kind};
  return all;
}

}  // namespace gyre::op
