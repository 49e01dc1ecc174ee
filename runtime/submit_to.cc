#include "gyre/runtime/submit_to.h"

#include "gyre/runtime/check.h"

namespace gyre::detail {

crossing::~crossing() {
  check(!away_, "a task was destroyed while it waited for another loop: stop it and await its end");
}

void crossing::set_out(promise_base& waiter, await_location at) noexcept {
  begin_wait(waiter, at);
  home_ = &waiter.chain().home();
  away_ = true;
  target_.post(*this);
}

void crossing::delivered() noexcept {
  switch (leg_) {
    case leg::there:
      return arrive();
    case leg::stop:
      return stop_arrived();
    case leg::back:
      away_ = false;
      return resume_waiter();
  }
}

// Only the call itself can be discarded: while what was called runs, its loop does too, and so does
// the loop of the task that waits.
void crossing::discarded() noexcept {
  if (leg_ == leg::there) return_home();
}

void crossing::arrive() noexcept {
  if (target_.root()->stop_requested()) return return_home();
  if (!calls_task_ && was_stopped(begun | ended)) return return_home();
  try {
    call();
    if (calls_task_) return;
  } catch (...) {
    fail();
  }
  return_home();
}

void crossing::begin(task<void> work) {
  auto& coroutine = work.coroutine();
  target_.root()->spawn(std::move(work));
  chain_ = &coroutine.chain();
}

// From here on a request to stop has to follow.
bool crossing::sets_about() noexcept {
  if (!was_stopped(begun)) return true;
  return_home();
  return false;
}

void crossing::stop_arrived() noexcept {
  stop_is_here_ = true;
  if (awaits_stop_) return awaits_stop_->arrived();
  chain_->request_stop();
}

void crossing::return_home() noexcept {
  leg_ = leg::back;
  home_->post(*this);
}

// What has not begun will not. What has ended is on its way back already.
void crossing::request_stop() noexcept {
  if (progress_.fetch_or(stopped, std::memory_order_acq_rel) != begun) return;
  leg_ = leg::stop;
  target_.post(*this);
}

}  // namespace gyre::detail
