#include "gyre/io/poll_ops.h"

#include <liburing.h>
#include <poll.h>

#include "gyre/io/system_call.h"

namespace gyre::op {

void poll::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_poll_add(&sqe, fd_, static_cast<unsigned>(events_));
}

int poll::perform() noexcept {
  pollfd watched = {fd_, events_, 0};
  const int ready = system_call([&] { return ::poll(&watched, 1, 0); });
  if (ready < 0) return ready;
  return ready == 0 ? -EAGAIN : watched.revents;
}

result<short> poll::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return static_cast<short>(answer);
}

}  // namespace gyre::op
