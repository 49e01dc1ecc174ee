#pragma once

#include <chrono>

#include "gyre/tests/models/bell.h"
#include "gyre/tests/models/relacy_std.h"

// With Relacy's atomics.
#include "gyre/io/wake_word.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// A backend that looks for a while before it sleeps, as the one of io_uring does.
class looking_backend final : public backend {
 public:
  bool submit(operation&) noexcept override { return false; }
  void cancel(operation&) noexcept override {}
  void cancel_all(const descriptor_users&) noexcept override {}
  void poll(steady_time until) noexcept override {
    if (until != no_wait) bell_.wait();
  }
  bool looks() const noexcept override { return true; }
  bool look(steady_time, const inbox& messages) noexcept override {
    look_.begin_look();
    bool seen = false;
    for (unsigned looks = model::any_below(3); looks > 0 && !seen; --looks)
      seen = look_.woken() || !messages.empty();
    return look_.end_look() || seen;
  }
  void wake() noexcept override {
    if (!look_.wake()) bell_.ring();
  }
  bool nonblocking() const noexcept override { return true; }
  const char* name() const noexcept override { return "looking"; }
  backend_report report() const override { return {"looking", "looking"}; }
  const backend_counters& counters() const noexcept override { return counters_; }
  // The clock must not tell one run from another.
  steady_time now() const noexcept override { return steady_time(std::chrono::hours(1)); }

 private:
  wake_word look_;
  model::bell bell_;
  backend_counters counters_;
};

}  // namespace gyre
