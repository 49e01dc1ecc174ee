#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/run_on.h"

namespace gyre::testing_runtime {

/// A request that means nothing: it ends as the test says.
class request final : public operation {
 public:
  static constexpr operation_kind kind{"request",           "none", awaited_thing::nothing,
                                       ring_policy::submit, 0,      "5.1"};

  explicit request(descriptor_users* users = nullptr) noexcept : operation(kind, users) {}
  /// The number that the test chose, or an error.
  result<int> await_resume() noexcept {
    const int answer = outcome();
    if (answer < 0) return errno_error(-answer);
    return answer;
  }

  void prepare(io_uring_sqe&) noexcept override {}
  int perform() noexcept override { return 0; }
  readiness ready_when() const noexcept override { return readiness::none(); }
};

/// A kernel made of what a test says, with a clock that stands still until the loop has nothing
/// else to do, and then jumps to the next deadline.
class fake_backend final : public backend {
 public:
  /// Whether operations wait for `finish`, or have their result at once.
  bool at_once = false;
  /// Whether a cancelled operation ends by that, or waits for `finish` all the same.
  bool cancels = true;
  /// Whether linked operations are taken together.
  bool links = false;

  bool submit(operation& started) noexcept override {
    ++counters_.submitted;
    if (at_once) {
      ++counters_.completed;
      started.conclude(7);
      return true;
    }
    in_flight_.push_back(&started);
    return false;
  }
  bool submit_linked(std::span<operation* const> operations, link_kind) noexcept override {
    if (!links) return false;
    counters_.submitted += operations.size();
    in_flight_.insert(in_flight_.end(), operations.begin(), operations.end());
    return true;
  }
  void cancel(operation& cancelled) noexcept override {
    ++counters_.cancelled;
    if (cancels) finish(cancelled, -ECANCELED);
  }
  void cancel_all(const descriptor_users& users) noexcept override {
    const std::vector<operation*> before = in_flight_;
    for (operation* each : before)
      if (each->users() == &users) each->request_stop();
  }

  /// Ends an operation.
  void finish(operation& ended, int result) noexcept {
    check(std::erase(in_flight_, &ended) == 1, "finished twice");
    ++counters_.completed;
    ended.complete(result);
  }
  const std::vector<operation*>& in_flight() const noexcept { return in_flight_; }

  void poll(steady_time until) noexcept override {
    if (until == no_wait) return;
    if (until != never) {
      now_ = std::max(now_, until);
      return;
    }
    // Only another thread can help now.
    std::unique_lock lock(mutex_);
    const bool woken = woken_.wait_for(lock, std::chrono::seconds(60), [&] { return wake_; });
    check(woken, "all tasks wait, and nothing is left that could wake one");
    wake_ = false;
  }
  void wake() noexcept override {
    const std::lock_guard lock(mutex_);
    wake_ = true;
    woken_.notify_one();
  }
  steady_time now() const noexcept override { return now_; }
  steady_time coarse_now() const noexcept override { return now_; }
  void advance(std::chrono::nanoseconds span) noexcept { now_ += span; }

  bool nonblocking() const noexcept override { return false; }
  const char* name() const noexcept override { return "fake"; }
  backend_report report() const override { return {"fake", "fake"}; }
  const backend_counters& counters() const noexcept override { return counters_; }

 private:
  std::vector<operation*> in_flight_;
  steady_time now_ = steady_time(std::chrono::hours(1));
  backend_counters counters_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool wake_ = false;
};

/// A loop on a fake backend.
class fake_world {
 public:
  fake_world() : fake_world(std::make_unique<fake_backend>()) {}

  template <class T>
  T run(task<T> main) {
    return run_on(home, std::move(main));
  }

 private:
  explicit fake_world(std::unique_ptr<fake_backend> backend)
      : kernel(*backend), home(std::move(backend)) {}

 public:
  fake_backend& kernel;
  loop home;
};

}  // namespace gyre::testing_runtime
