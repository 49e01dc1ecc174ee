#pragma once

#include <concepts>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/call_outcome.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/when_any.h"

namespace gyre {
namespace detail {

/// The order in which the instances of a service start and stop. One task of each core takes part;
/// whatever happens on one is told to all, which look whether it is what they wait for.
class service_order {
 public:
  void join(cores& all);

  /// False where the instance is not to start: one has failed, or the task was asked to stop.
  task<bool> turn_to_start(unsigned core);
  void start_ended(bool well);
  /// False where that can't be any more.
  task<bool> all_started(unsigned core);
  /// Ends when the bodies of all cores are to end.
  task<void> failure(unsigned core);
  void body_ended(bool well);
  /// Not to be stopped: see `shield`. One frame, which is taken at once.
  task<result<void>> turn_to_stop(unsigned core) { return until(core, &service_order::may_stop); }
  void stop_ended();

  /// Whose loop runs on this thread.
  unsigned this_core() const noexcept;
  cores& all() const noexcept { return *cores_; }

 private:
  using condition = bool (service_order::*)(unsigned core) const noexcept;
  bool may_start(unsigned core) const noexcept { return failed_ || started_ == core; }
  bool may_run(unsigned) const noexcept { return failed_ || started_ == cores_->count(); }
  bool must_end(unsigned) const noexcept { return failed_; }
  bool may_stop(unsigned core) const noexcept {
    return may_run(core) && !starting_ && ended_ == started_ && stopped_ + core + 1 == started_;
  }

  task<result<void>> until(unsigned core, condition holds);
  void tell_all() noexcept;

  std::mutex mutex_;  // guards all that follows
  cores* cores_ = nullptr;
  std::deque<cross_channel<char>> changes_;  // of each core: whether there was any
  unsigned started_ = 0;                     // instances, from the first on
  unsigned ended_ = 0;                       // bodies of these
  unsigned stopped_ = 0;                     // instances, from the last started on
  bool starting_ = false;
  bool failed_ = false;
};

template <class Service>
task<void> start_service(Service& service) {
  if constexpr (requires { service.start(); }) {
    if constexpr (is_result<await_result<decltype(service.start())>>) {
      const auto started = co_await service.start();
      (void)started.value();
    } else {
      co_await service.start();
    }
  }
  co_return;
}

template <class Service>
task<void> stop_service(Service& service) {
  if constexpr (requires { service.stop(); }) {
    if constexpr (is_result<await_result<decltype(service.stop())>>) {
      const auto stopped = co_await service.stop();
      (void)stopped.value();
    } else {
      co_await service.stop();
    }
  }
  co_return;
}

}  // namespace detail

/// One instance of `Service` for each loop of a `run_on_cores`: made, used and destroyed on that
/// loop's thread, and reached from others by `submit_to`. `Service` may have `start()` and
/// `stop()`, which are awaited (tasks, say) and may give a `result`.
///
///     gyre::services<shard> shards;
///     gyre::run_on_cores(options, [&](gyre::cores& cores, unsigned core) {
///       return shards.run(cores, core, [&](shard& mine) -> gyre::task<> {
///         …                                                        // serve, by `shards.local()`
///       });
///     });
///
/// Used for one `run_on_cores`, which it must outlive.
template <class Service>
class services {
 public:
  services() = default;
  services(const services&) = delete;
  services& operator=(const services&) = delete;
  ~services() {
    for (const auto& each : instances_)
      check(!each, "services were destroyed that run: let run() end on all cores");
  }

  /// The part of one core, to be awaited by the main task of each. Makes the instance, by
  /// `make(core)`, which gives a `std::unique_ptr<Service>`, and awaits its `start()`; one core
  /// after the other, in order. When all have started it awaits `body(instance)`, on all cores at
  /// once. When the bodies of all cores have ended it awaits `stop()` and destroys the instance,
  /// one core after the other, the last first.
  ///
  /// When one fails, by an exception or an error of `start()`, no more are started, the bodies of
  /// the others are asked to stop, and what has started is stopped; then the exception is thrown on
  /// its core (`std::system_error` for an error). A stop ends `start()` and the body early, but
  /// neither the wait for the bodies of the others nor `stop()`.
  template <class Make, class Body>
    requires std::is_invocable_r_v<std::unique_ptr<Service>, Make&, unsigned> &&
             std::is_invocable_r_v<task<void>, Body&, Service&>
  task<void> run(cores& all, unsigned core, Make make, Body body) {
    join(all);
    std::exception_ptr failure;
    // Their frames are taken while nothing has started that would have to be stopped without.
    task<result<void>> turn_to_stop = order_.turn_to_stop(core);
    task<void> stopping = stop(core, failure, turn_to_stop);
    const bool may_start = co_await order_.turn_to_start(core);
    if (may_start) {
      std::unique_ptr<Service>& mine = instances_[core];
      try {
        mine = make(core);
        check(mine != nullptr, "a service was made of nothing");
        co_await detail::start_service(*mine);
      } catch (...) {
        failure = std::current_exception();
        mine.reset();
      }
      order_.start_ended(!failure);
    }
    if (may_start && !failure) {
      Service& mine = *instances_[core];
      try {
        const bool may_run = co_await order_.all_started(core);
        if (may_run) (void)co_await when_any(body(mine), order_.failure(core));
      } catch (...) {
        failure = std::current_exception();
      }
      order_.body_ended(!failure);
      co_await shield(std::move(stopping));
    }
    if (failure) std::rethrow_exception(failure);
  }

  /// The same with `std::make_unique<Service>()`.
  template <class Body>
    requires std::default_initializable<Service> &&
             std::is_invocable_r_v<task<void>, Body&, Service&>
  task<void> run(cores& all, unsigned core, Body body) {
    return run(all, core, [](unsigned) { return std::make_unique<Service>(); }, std::move(body));
  }

  /// The instance of the loop on this thread. A programmer error where it is not there: before its
  /// `start()`, after its `stop()`, and on other threads.
  Service& local() noexcept { return at(order_.this_core()); }

  /// Calls `function(instance)` on the core `core`, as `cores::submit_to` does. From tasks of the
  /// cores, as soon as the instance there has been made and until it is destroyed, which the order
  /// tells: bodies may call any core, `start()` and `stop()` those below their own.
  template <class Function>
    requires std::is_invocable_v<Function&, Service&>
  auto submit_to(unsigned core, Function&& function) {
    static_assert(detail::is_safe_to_keep<Function>,
                  "submit_to() was given a temporary that owns something: make it a variable");
    using call = call_of_instance<Function>;
    return submit_to_awaiter<call>(order_.all().at(core),
                                   call(*this, core, std::forward<Function>(function)));
  }

 private:
  /// Calls a function with the instance of the thread that it is called on.
  template <class Function>
  class call_of_instance {
   public:
    call_of_instance(services& owner, unsigned core, Function&& function)
        : owner_(owner), core_(core), function_(std::forward<Function>(function)) {}
    decltype(auto) operator()() { return function_(owner_.at(core_)); }

   private:
    services& owner_;
    unsigned core_;
    Function function_;
  };

  void join(cores& all) {
    order_.join(all);
    const std::lock_guard lock(mutex_);
    instances_.resize(all.count());
  }

  task<void> stop(unsigned core, std::exception_ptr& failure, task<result<void>>& turn) {
    (void)co_await std::move(turn);  // under a shield nothing stops it
    try {
      co_await detail::stop_service(*instances_[core]);
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
    instances_[core].reset();
    order_.stop_ended();
  }

  Service& at(unsigned core) noexcept {
    check(core < instances_.size() && instances_[core],
          "a service was used on a core where it has not started, or has stopped");
    return *instances_[core];
  }

  detail::service_order order_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Service>> instances_;  // each is its own thread's
};

}  // namespace gyre
