#include "gyre/io/services.h"

#include "gyre/runtime/loop.h"

namespace gyre::detail {

void service_order::join(cores& all) {
  const std::lock_guard lock(mutex_);
  check(!cores_ || cores_ == &all, "services were run on other cores than before");
  cores_ = &all;
  while (changes_.size() < all.count()) changes_.emplace_back(1);
}

task<bool> service_order::turn_to_start(unsigned core) {
  const auto waited = co_await until(core, &service_order::may_start);
  const std::lock_guard lock(mutex_);
  if (!waited) failed_ = true;
  if (failed_) {
    tell_all();
    co_return false;
  }
  starting_ = true;
  co_return true;
}

void service_order::start_ended(bool well) {
  const std::lock_guard lock(mutex_);
  starting_ = false;
  if (well) ++started_;
  if (!well) failed_ = true;
  tell_all();
}

task<bool> service_order::all_started(unsigned core) {
  const auto waited = co_await until(core, &service_order::may_run);
  const std::lock_guard lock(mutex_);
  if (!waited) failed_ = true;
  if (failed_) tell_all();
  co_return !failed_;
}

task<void> service_order::failure(unsigned core) {
  (void)co_await until(core, &service_order::must_end);
}

void service_order::body_ended(bool well) {
  const std::lock_guard lock(mutex_);
  ++ended_;
  if (!well) failed_ = true;
  tell_all();
}

void service_order::stop_ended() {
  const std::lock_guard lock(mutex_);
  ++stopped_;
  tell_all();
}

unsigned service_order::this_core() const noexcept {
  const loop& here = loop::current();
  const unsigned count = cores_ ? cores_->count() : 0;
  unsigned core = 0;
  while (core < count && &cores_->at(core) != &here) ++core;
  return core;
}

task<result<void>> service_order::until(unsigned core, condition holds) {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if ((this->*holds)(core)) co_return result<void>();
    }
    const auto changed = co_await changes_[core].receive();
    if (!changed) co_return changed.error();
  }
}

void service_order::tell_all() noexcept {
  for (auto& each : changes_) (void)each.try_send(char());
}

}  // namespace gyre::detail
