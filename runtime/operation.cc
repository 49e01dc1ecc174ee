#include "gyre/runtime/operation.h"

#include "gyre/runtime/backend.h"
#include "gyre/runtime/linked_operations.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_observer.h"
#include "gyre/runtime/probes.h"

namespace gyre {

void operation::prepare(io_uring_sqe&) noexcept {
  fail_check("an operation that io_uring does not have was to be prepared for a ring");
}

bool operation::start(promise_base& waiter, await_location at) noexcept {
  check(state_ == state::idle, "an operation was awaited a second time: make a new one");
  begin_wait(waiter, at);
  stop_requested_ = false;
  if (waiter.chain().stop_requested()) {
    result_ = -ECANCELED;
    return false;
  }
  if (is_refused()) {
    result_ = -EBADF;
    return false;
  }
  state_ = state::in_flight;
  hold();
  loop& home = waiter.chain().home();
  tell_start(home);
  if (!home.submit(*this)) return true;
  stands_for_ = 0;
  return false;
}

int operation::awaited_descriptor() const noexcept {
  return users_ ? users_->number : ready_when().fd;
}

void operation::conclude(int result) noexcept {
  check(state_ == state::in_flight, "a backend completed an operation that was not in flight");
  if (result < 0 || stands_for_ != 0) [[unlikely]]
    measure_end(result);
  probes::operation_end(this, kind_->name, result);
  if (loop_observer* observer = waiter_->chain().home().observer()) [[unlikely]]
    observer->operation_ended(*this, result);
  result_ = result;
  state_ = state::ended;
  let_go();
}

void operation::leave(descriptor_users* users) noexcept {
  if (--users->in_flight_ == 0 && users->closer_)
    users->left_(*std::exchange(users->closer_, nullptr));
}

void operation::request_stop() noexcept {
  if (linked_) return linked_->request_stop();
  stop();
}

void operation::stop() noexcept {
  if (state_ != state::in_flight || stop_requested_) return;
  stop_requested_ = true;
  waiter_->chain().home().kernel().cancel(*this);
}

void operation::hold() noexcept {
  if (users_) ++users_->in_flight_;
  if (other_users_) ++other_users_->in_flight_;
}

void operation::let_go() noexcept {
  if (users_) leave(users_);
  if (other_users_) leave(other_users_);
}

void operation::join(linked_submission& submission, promise_base& waiter) noexcept {
  waiter_ = &waiter;
  linked_ = &submission;
  stop_requested_ = false;
  state_ = state::in_flight;
  hold();
}

void operation::joined() noexcept {
  tell_start(waiter_->chain().home());
}

void operation::leave_submission() noexcept {
  let_go();
  state_ = state::idle;
  waiter_ = nullptr;
  linked_ = nullptr;
}

void operation::detach() noexcept {
  if (stands_for_ != 0) measure_resumption();
  end_wait();
  waiter_ = nullptr;
  linked_ = nullptr;
}

void operation::ended_linked() noexcept {
  linked_->ended(*this);
}

void operation::tell_start(loop& home) noexcept {
  probes::operation_start(this, kind_->name);
  if (loop_observer* observer = home.observer()) [[unlikely]]
    observer->operation_started(*this);
  measure_start(home);
}

void operation::measure_start(loop& home) noexcept {
  loop_metrics& all = home.metrics();
  stands_for_ = 0;
  metrics_ = all.of(*kind_);
  if (!metrics_ || !metrics_->count()) [[likely]]
    return;
  stands_for_ = metrics_->draw(all.random());
  measured_since_ = home.now();
}

void operation::measure_end(int result) noexcept {
  if (result < 0 && metrics_) metrics_->ended_with(-result);
  if (stands_for_ == 0) return;
  const steady_time now = waiter_->chain().home().now();
  metrics_->latency_.record(now - measured_since_, stands_for_);
  measured_since_ = now;
  if (linked_) stands_for_ = 0;
}

void operation::measure_resumption() noexcept {
  const steady_time now = waiter_->chain().home().now();
  metrics_->resumption_.record(now - measured_since_, stands_for_);
  stands_for_ = 0;
}

}  // namespace gyre
