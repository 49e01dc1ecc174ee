#include "gyre/io/splice_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "gyre/io/system_call.h"

namespace gyre::op {
namespace {

unsigned clamp(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, transfer_max));
}

/// Makes a system call that has no MSG_NOSIGNAL: a dead peer is EPIPE all the same, and no SIGPIPE.
template <class Call>
int call_without_sigpipe(Call call) noexcept {
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const int answer = system_call(call);
  if (sigismember(&before, SIGPIPE)) return answer;
  // It was raised in this thread, and waits here until it is taken.
  const timespec at_once = {0, 0};
  if (answer == -EPIPE) sigtimedwait(&pipe_signal, nullptr, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return answer;
}

}  // namespace

splice_from_file::splice_from_file(descriptor& file, std::uint64_t offset, descriptor& pipe,
                                   std::size_t most) noexcept
    : operation(&pipe.users()),
      file_(file.number()),
      offset_(position(offset)),
      pipe_(pipe.number()),
      most_(clamp(most)) {}
void splice_from_file::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_splice(&sqe, file_, offset_, pipe_, -1, most_, SPLICE_F_MOVE);
}
int splice_from_file::perform() noexcept {
  const int answer = system_call([this] {
    off64_t offset = offset_;
    return ::splice(file_, &offset, pipe_, nullptr, most_, SPLICE_F_MOVE);
  });
  pipe_full_ = answer == -EAGAIN;
  return answer;
}
// It may have to wait twice: for the disk, which can't be known before, and for room in the pipe.
readiness splice_from_file::ready_when() const noexcept {
  if (!pipe_full_) return readiness::none();
  return {pipe_, POLLOUT};
}

splice_to_socket::splice_to_socket(descriptor& pipe, descriptor& socket, std::size_t most,
                                   bool more) noexcept
    : operation(&socket.users(), ring_policy::perform),
      pipe_(pipe.number()),
      socket_(socket.number()),
      most_(clamp(most)),
      flags_(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0U)) {}
void splice_to_socket::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_splice(&sqe, pipe_, -1, socket_, -1, most_, flags_);
}
int splice_to_socket::perform() noexcept {
  return call_without_sigpipe(
      [this] { return ::splice(pipe_, nullptr, socket_, nullptr, most_, flags_); });
}
readiness splice_to_socket::ready_when() const noexcept {
  return {socket_, POLLOUT};
}

}  // namespace gyre::op
