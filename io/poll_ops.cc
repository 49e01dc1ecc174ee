#include "gyre/io/poll_ops.h"

#include <liburing.h>
#include <poll.h>

#include "gyre/io/system_call.h"

namespace gyre::op {

constinit const operation_kind poll::kind("poll", "poll(2)", awaited_thing::events,
                                          ring_policy::submit, IORING_OP_POLL_ADD, "5.1");
void poll::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_poll_add(&sqe, fd_, static_cast<unsigned>(events_));
}

// poll(2) passes over a negative number, and tells of one that is not open among the events.
int poll::perform() noexcept {
  if (fd_ < 0) return -EBADF;
  pollfd watched = {fd_, events_, 0};
  const int ready = system_call([&] { return ::poll(&watched, 1, 0); });
  if (ready < 0) return ready;
  if (watched.revents & POLLNVAL) return -EBADF;
  return ready == 0 ? -EAGAIN : watched.revents;
}

result<short> poll::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return static_cast<short>(answer);
}

std::span<const operation_kind* const> poll_operations() noexcept {
  static constexpr const operation_kind* all[] = {&poll::kind};
  return all;
}

}  // namespace gyre::op
