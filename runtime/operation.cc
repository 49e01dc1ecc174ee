#include "gyre/runtime/operation.h"

#include "gyre/runtime/backend.h"
#include "gyre/runtime/loop.h"

namespace gyre {

bool operation::start(promise_base& waiter) noexcept {
  check(state_ != state::in_flight, "an operation was awaited twice at the same time");
  begin_wait(waiter);
  stop_requested_ = false;
  if (waiter.chain().stop_requested()) {
    result_ = -ECANCELED;
    return false;
  }
  state_ = state::in_flight;
  if (users_) ++users_->in_flight_;
  return !waiter.chain().home().submit(*this);
}

void operation::conclude(int result) noexcept {
  check(state_ == state::in_flight, "a backend completed an operation that was not in flight");
  result_ = result;
  state_ = state::ended;
  if (users_ && --users_->in_flight_ == 0 && users_->closer_)
    users_->left_(*std::exchange(users_->closer_, nullptr));
}

void operation::request_stop() noexcept {
  if (state_ != state::in_flight || stop_requested_) return;
  stop_requested_ = true;
  waiter_->chain().home().kernel().cancel(*this);
}

}  // namespace gyre
