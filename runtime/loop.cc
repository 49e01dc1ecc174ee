#include "gyre/runtime/loop.h"

#include <atomic>
#include <csignal>
#include <ctime>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/linked_operations.h"
#include "gyre/runtime/loop_observer.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/probes.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/ready_classes.h"

namespace gyre {
namespace {

constinit thread_local loop* current_loop = nullptr;

constexpr int stamp_shift = 22;

std::uint32_t stamp_of(steady_time time) noexcept {
  return static_cast<std::uint32_t>(time.time_since_epoch().count() >> stamp_shift);
}

/// Keeps SIGPIPE from this thread: splice(2) and write(2) have no MSG_NOSIGNAL, and a peer that
/// went away is an error of its operation.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() {
    if (sigismember(&before_, SIGPIPE)) return;
    const timespec at_once = {0, 0};
    while (sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
};

// Other threads may look at it meanwhile.
void count_one(std::uint64_t& counter) noexcept {
  std::atomic_ref(counter).store(counter + 1, std::memory_order_relaxed);
}

}  // namespace

steady_time backend::coarse_now() const noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return steady_time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

loop::loop(std::unique_ptr<backend> backend)
    : stamp_(stamp_of(backend->now())),
      backend_(std::move(backend)),
      timers_(backend_->now()),
      looks_(backend_->looks()) {
  backend_->attach(*this);
}

loop::~loop() {
  check(ready_.empty() && timers_.empty() && !(classes_ && classes_->any_ready()),
        "a loop was destroyed that still has tasks");
  inbox_.close();
}

loop& loop::current() noexcept {
  check(current_loop != nullptr, "no loop runs on this thread: call this from a task under run()");
  return *current_loop;
}

loop* loop::current_or_null() noexcept {
  return current_loop;
}

bool loop::goes_on_at_once(operation& ended) noexcept {
  if (take_immediate()) return true;
  make_ready(*ended.waiter());
  return false;
}

void loop::pass_stop_on(task_wait& wait) noexcept {
  if (wait.next_asked_ != &wait) return;
  wait.next_asked_ = std::exchange(asked_, &wait);
  if (std::exchange(passes_stops_on_, true)) return;
  while (asked_) {
    task_wait& next = *asked_;
    asked_ = std::exchange(next.next_asked_, &next);
    next.stop_tasks();
  }
  passes_stops_on_ = false;
}

void task_wait::request_stop() noexcept {
  waiter_->chain().home().pass_stop_on(*this);
}

// Stopping one may end it, but it leaves the list only when its coroutine is resumed.
void loop::cancel_all(const descriptor_users& users) noexcept {
  for (linked_operations* each = links_; each; each = each->next())
    if (each->is_counted_by(users)) each->request_stop();
  backend_->cancel_all(users);
}

void loop::post(message& message) noexcept {
  if (!inbox_.post(message)) return;
  backend_->wake();
  inbox_.rang();
}

// The observer may have been replaced, and be gone, when the coroutine returns.
void loop::resume_observed(promise_base& next) {
  told_ = observer_;
  if (told_) told_->resumed(next.chain());
  next.handle().resume();
  if (told_) told_->suspended();
}

// What ended at once counts too: a turn is over soon, however much each coroutine got done in it.
template <bool Observed>
inline int loop::run(promise_base& next) {
  hops_left_ = hops_max;
  immediate_left_ = immediate_max;
  count_one(counters_.resumed);
  if constexpr (Observed)
    resume_observed(next);
  else
    next.handle().resume();
  const int done = 1 + immediate_max - immediate_left_;
  while (retired_) {
    retired* ended = std::exchange(retired_, retired_->next_retired_);
    ended->destroy();
  }
  return done;
}

template <bool Observed>
void loop::run_ready() {
  for (int left = resumes_max; left > 0 && !ready_.empty();)
    left -= run<Observed>(static_cast<promise_base&>(ready_.pop()));
}

// What became ready stands in one queue until here, so that nobody pays for classes who has none.
void loop::run_classes() {
  ready_classes& classes = *classes_;
  steady_time now = backend_->now();
  const steady_time end = saturating_add(now, classes.quantum());
  classes.sort_in(ready_, now);
  for (int left = resumes_max; left > 0 && classes.any_ready();) {
    promise_base& next = classes.take_next(now);
    left -= observer_ ? run<true>(next) : run<false>(next);
    const steady_time before = std::exchange(now, backend_->now());
    classes.ran(now - before, now);
    classes.sort_in(ready_, now);
    if (now >= end) break;
  }
  classes.nobody_runs();
}

// Turn after turn until nothing is ready; the rest of the last one is the caller's, who may wait.
void loop::run_class_turns() {
  while (true) {
    run_classes();
    if (!classes_->any_ready()) return;
    poll_at_once();
    deliver_and_fire();
  }
}

void loop::choose_observer() noexcept {
  traced_ = probes::wanted();
  tracer_.next = asked_observer_;
  observer_ = traced_ ? &tracer_ : asked_observer_;
  told_ = nullptr;
  follows_chains_ = observer_ || classes_;
}

inline void loop::look_for_tracers() noexcept {
  if (probes::wanted() != traced_) [[unlikely]]
    choose_observer();
}

void loop::run_followed() {
  if (classes_)
    run_class_turns();
  else
    run_ready<true>();
}

// Nobody else of this turn may run by the old rules: what they spawn would not know its class.
ready_classes& loop::make_classes() {
  if (!classes_) {
    classes_ = std::make_unique<ready_classes>();
    follows_chains_ = true;
    immediate_left_ = -resumes_max;
  }
  return *classes_;
}

void loop::chain_begins(await_chain& chain) noexcept {
  if (classes_) chain.class_index_ = classes_->enter_running();
  if (observer_) observer_->spawned(chain);
}

void loop::chain_ends(await_chain& chain) noexcept {
  if (classes_) classes_->leave(chain.class_index_);
  if (observer_) observer_->completed(chain);
}

void await_chain::leave_class() noexcept {
  if (class_index_ != 0) home_->classes()->leave(std::exchange(class_index_, std::uint8_t{0}));
}

void await_chain::join_class_of(const await_chain& other) noexcept {
  if (other.class_index_ == class_index_) return;
  leave_class();
  home_->classes()->enter(other.class_index_);
  class_index_ = other.class_index_;
}

void loop::for_each_ready(const std::function<void(const ready_node&)>& function) const {
  if (classes_) classes_->for_each_ready(function);
  ready_.for_each(function);
}

std::chrono::nanoseconds loop::since(std::uint32_t stamp) const noexcept {
  const std::uint32_t units = stamp_of(now()) - stamp;
  return std::chrono::nanoseconds(std::int64_t{units} << stamp_shift);
}

bool loop::may_be_stuck() const noexcept {
  const backend_counters& kernel = backend_->counters();
  return kernel.submitted == kernel.completed && look_ && looked_after_ != counters_.resumed;
}

// Nothing but a message wakes the loop before its patience ends.
void loop::poll_stuck() {
  const steady_time end = saturating_add(backend_->now(), patience);
  backend_->poll(end);
  inbox_.wake_up();
  if (!inbox_.empty() || !ready_.empty() || backend_->now() < end) return;
  looked_after_ = counters_.resumed;
  if (look_(*this)) look_ = nullptr;
}

// This and `poll` are part of `drive`: see `ring::enter`.
[[gnu::always_inline]] inline void loop::wait() {
  if (looks_ && backend_->look(timers_.next(), inbox_)) return backend_->poll(backend::no_wait);
  const bool asleep = inbox_.fall_asleep();
  const steady_time until = asleep ? timers_.next() : backend::no_wait;
  if (until == never && may_be_stuck()) [[unlikely]]
    return poll_stuck();
  backend_->poll(until);
  if (asleep) inbox_.wake_up();
}

[[gnu::always_inline]] inline void loop::poll() {
  if (!ready_.empty()) return poll_at_once();
  count_one(counters_.turns);
  set_busy(false);
  wait();
  set_busy(true);
}

void loop::poll_at_once() {
  count_one(counters_.turns);
  set_busy(false);
  backend_->poll(backend::no_wait);
  set_busy(true);
}

inline void loop::deliver_and_fire() {
  look_for_tracers();
  if (!inbox_.empty()) inbox_.deliver(counters_.messages);
  if (timers_.empty()) {
    stamp_ = stamp_of(backend_->coarse_now());
  } else {
    const steady_time now = backend_->now();
    stamp_ = stamp_of(now);
    counters_.timers_fired += timers_.advance(now, timers_max);
  }
}

std::uint64_t loop::progress() noexcept {
  return std::atomic_ref(counters_.resumed).load(std::memory_order_relaxed) +
         std::atomic_ref(counters_.turns).load(std::memory_order_relaxed);
}

void loop::drive(const bool& done, scope& root) {
  check(current_loop == nullptr, "run() was called inside of run(): await the task instead");
  const without_sigpipe quiet;
  current_loop = this;
  root_ = &root;
  set_busy(true);
  look_for_tracers();
  while (true) {
    if (follows_chains_) [[unlikely]]
      run_followed();
    else
      run_ready<false>();
    if (done) break;
    poll();
    deliver_and_fire();
  }
  set_busy(false);
  root_ = nullptr;
  current_loop = nullptr;
}

}  // namespace gyre
