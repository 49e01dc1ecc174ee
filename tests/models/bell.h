#pragma once

#include <source_location>

#include "gyre/tests/models/relacy_std.h"

namespace gyre::model {

inline rl::debug_info here(std::source_location at = std::source_location::current()) {
  return std::place(at);
}

/// A number that differs from run to run.
inline unsigned any_below(unsigned limit) {
  return rl::rand(limit);
}

/// What wakes a thread that sleeps, as an eventfd does: a ring that comes first is not lost, and
/// what was written before a ring is seen by the one who heard it. Its owner may destroy it once
/// nobody is about to ring, and a model sees when that is too early.
class bell {
 public:
  bell() : there_(true) {}
  ~bell() { there_(here()) = false; }

  void ring() {
    expect_there();
    {
      const std::lock_guard lock(mutex_);
      rung_ = true;
      heard_.notify_one();
    }
    expect_there();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    while (!rung_) heard_.wait(lock);
    rung_ = false;
  }

 private:
  void expect_there() const {
    const bool there = there_(here());
    RL_ASSERT(there);
  }

  std::mutex mutex_;
  std::condition_variable heard_;
  bool rung_ = false;
  rl::var<bool> there_;
};

}  // namespace gyre::model
