#include "gyre/runtime/operation.h"

#include "gyre/runtime/backend.h"
#include "gyre/runtime/linked_operations.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/loop_observer.h"

namespace gyre {

void operation::prepare(io_uring_sqe&) noexcept {
  fail_check("an operation that io_uring does not have was to be prepared for a ring");
}

// All are counted; of those that are not measured it is all that is noted.
inline void operation::tell_start(loop& home) noexcept {
  if (loop_observer* observer = home.observer()) [[unlikely]]
    observe_start(*observer);
  operation_metrics* metrics = home.metrics().of(*kind_);
  if (!metrics || metrics->count()) [[unlikely]]
    measure_from_here(home, metrics);
}

bool operation::start(promise_base& waiter, await_location at) noexcept {
  check(state_ == state::idle, "an operation was awaited a second time: make a new one");
  begin_wait(waiter, at);
  if (waiter.chain().stop_requested()) [[unlikely]] {
    result_ = -ECANCELED;
    return false;
  }
  if (is_refused()) [[unlikely]] {
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
  check(in_flight(), "a backend completed an operation that was not in flight");
  if (result < 0 || stands_for_ != 0) [[unlikely]]
    measure_end(result);
  if (loop_observer* observer = waiter_->chain().home().observer()) [[unlikely]]
    observer->operation_ended(*this, result);
  end(result);
}

void operation::complete_noted(int result) noexcept {
  conclude(result);
  if (linked_) return linked_->ended(*this);
  resume_waiter();
}

void operation::let_close(descriptor_users& users) noexcept {
  users.left_(*std::exchange(users.closer_, nullptr));
}

void operation::request_stop() noexcept {
  if (linked_) return linked_->request_stop();
  stop();
}

void operation::stop() noexcept {
  if (!in_flight() || stop_requested_) return;
  stop_requested_ = true;
  waiter_->chain().home().kernel().cancel(*this);
}

void operation::join(linked_submission& submission, promise_base& waiter) noexcept {
  waiter_ = &waiter;
  linked_ = &submission;
  stop_requested_ = false;
  state_ = state::in_flight_noted;
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

void operation::observe_start(loop_observer& observer) noexcept {
  observer.operation_started(*this);
}

void operation::measure_from_here(loop& home, operation_metrics* metrics) noexcept {
  uncounted_ = metrics == nullptr;
  if (!metrics) return;
  stands_for_ = metrics->draw(home.metrics().random());
  state_ = state::in_flight_noted;
  measured_since_ = home.now().time_since_epoch();
}

void operation::measure_end(int result) noexcept {
  loop& home = waiter_->chain().home();
  operation_metrics* metrics = uncounted_ ? nullptr : home.metrics().of(*kind_);
  if (!metrics) stands_for_ = 0;
  if (metrics && result < 0) metrics->ended_with(-result);
  if (stands_for_ == 0) return;
  const std::chrono::nanoseconds now = home.now().time_since_epoch();
  metrics->latency_.record(now - measured_since_, stands_for_);
  measured_since_ = now;
  if (linked_) stands_for_ = 0;
}

void operation::measure_resumption() noexcept {
  loop& home = waiter_->chain().home();
  const std::chrono::nanoseconds now = home.now().time_since_epoch();
  if (operation_metrics* metrics = home.metrics().of(*kind_))
    metrics->resumption_.record(now - measured_since_, stands_for_);
  stands_for_ = 0;
}

}  // namespace gyre
