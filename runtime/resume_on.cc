#include "gyre/runtime/resume_on.h"

#include <new>

#include "gyre/runtime/check.h"

namespace gyre {

bool resume_on_awaiter::set_out(promise_base& waiter, await_location at) noexcept {
  detail::traveller* chain = waiter.chain().as_traveller();
  check(chain != nullptr,
        "resume_on was awaited by a task that can't leave its loop: begin it by travel() or "
        "spawn_on()");
  if (&waiter.chain().home() == &to_) return false;
  begin_wait(waiter, at);
  chain->leave_for(*this);
  return true;
}

namespace detail {

class traveller::stay final : public task_wait {
 public:
  explicit stay(traveller& guest) noexcept : guest_(guest) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    begin_wait(awaiting.promise(), at);
    guest_.stay_ = this;
    guest_.arrive_at(awaiting.promise().chain().home(),
                     awaiting.promise().chain().stop_requested());
  }
  void await_resume() noexcept { end_wait(); }

  void end() noexcept {
    left_ = true;
    resume_waiter();
  }

 private:
  void stop_tasks() noexcept override {
    if (!left_) guest_.await_chain::request_stop();
  }
  const char* name() const noexcept override { return "travel"; }
  bool is_local() const noexcept override { return false; }
  void visit_children(chain_visitor& visitor) const override {
    if (!left_) guest_.visit_itself(visitor);
  }

  traveller& guest_;
  bool left_ = false;
};

traveller::~traveller() {
  check(!waiter_ || over_, "a task was destroyed while what it awaits travels: await its end");
}

void traveller::set_out(promise_base& waiter, const promise_base& first,
                        await_location at) noexcept {
  first_ = &first;
  check(&waiter.chain().home() == &home_, "travel() was called on another loop than it is awaited");
  begin_wait(waiter, at);
  if (waiter.chain().stop_requested()) stop_tasks();
}

// Only this thread lets it leave.
void traveller::visit_children(chain_visitor& visitor) const {
  {
    const std::lock_guard lock(mutex_);
    if (at_ != &home_) return;
  }
  visit_itself(visitor);
}

void traveller::visit_itself(chain_visitor& visitor) const {
  if (!first_->handle().done()) visitor.visit(*this, *first_);
}

void traveller::leave_for(resume_on_awaiter& trip) noexcept {
  trip_ = &trip;
  next_ = &trip.to_;
  await_chain::home().post(*this);
}

void traveller::finished() noexcept {
  loop& here = await_chain::home();
  trip_ = nullptr;
  next_ = &home_;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  if (&here == &home_) return resume_waiter();
  here.post(*this);
}

void traveller::delivered() noexcept {
  switch (leg_) {
    case leg::leaving:
      return leave();
    case leg::arriving:
      return arrive();
    case leg::returning:
      return resume_waiter();
  }
}

// Only who arrives can find the loop ended: it keeps the others running.
void traveller::discarded() noexcept {
  if (leg_ == leg::arriving) turn_back(std::errc::operation_canceled);
}

// A request to stop that is on its way to this loop would find nobody.
void traveller::leave() noexcept {
  {
    const std::lock_guard lock(mutex_);
    leaves_after_stop_ = stop_on_its_way_;
    if (leaves_after_stop_) return;
    at_ = nullptr;
  }
  leave_class();
  if (stay_) std::exchange(stay_, nullptr)->end();
  leg_ = trip_ ? leg::arriving : leg::returning;
  next_->post(*this);
}

void traveller::arrive() noexcept {
  if (next_ == &home_) return arrive_at(home_, false);
  try {
    next_->root()->spawn(stand_for_it());
  } catch (const std::bad_alloc&) {
    turn_back(std::errc::not_enough_memory);
  }
}

task<void> traveller::stand_for_it() {
  co_await stay(*this);
}

void traveller::arrive_at(loop& here, bool stopped) noexcept {
  {
    const std::lock_guard lock(mutex_);
    at_ = &here;
    stopped |= stop_wanted_;
  }
  move_to(here);
  if (&here == &home_) join_class_of(waiter_->chain());
  leg_ = leg::leaving;
  if (stopped) await_chain::request_stop();
  std::exchange(trip_, nullptr)->resume_waiter();
}

void traveller::turn_back(std::errc why) noexcept {
  trip_->error_ = std::make_error_code(why);
  next_ = &home_;
  home_.post(*this);
}

void traveller::stop_arrived() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stop_on_its_way_ = false;
  }
  await_chain::request_stop();
  if (leaves_after_stop_) leave();
}

// It can't leave a loop while the message is posted: it needs the lock for that.
void traveller::stop_tasks() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (over_ || std::exchange(stop_wanted_, true) || !at_) return;
    if (at_ != &home_) {
      stop_on_its_way_ = true;
      return at_->post(stop_message_);
    }
  }
  await_chain::request_stop();
}

}  // namespace detail
}  // namespace gyre
