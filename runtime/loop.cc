#include "gyre/runtime/loop.h"

#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

constinit thread_local loop* current_loop = nullptr;

}  // namespace

loop::loop(std::unique_ptr<backend> backend)
    : backend_(std::move(backend)), timers_(backend_->now()) {
  backend_->attach(*this);
}

loop::~loop() {
  check(ready_.empty() && timers_.empty(), "a loop was destroyed that still has tasks");
  deliver_messages();
}

loop& loop::current() noexcept {
  check(current_loop != nullptr, "no loop runs on this thread: call this from a task under run()");
  return *current_loop;
}

loop* loop::current_or_null() noexcept {
  return current_loop;
}

bool loop::submit(operation& operation) noexcept {
  if (!backend_->submit(operation)) return false;
  if (immediate_left_-- > 0) return true;
  // I/O that is always ready must not keep the loop from everybody else.
  make_ready(*operation.waiter());
  return false;
}

void loop::post(message& message) noexcept {
  class message* head = inbox_.load(std::memory_order_relaxed);
  do {
    message.next_ = head;
  } while (!inbox_.compare_exchange_weak(head, &message, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
  // Either this sees the loop asleep, or the loop sees the message before it falls asleep: both
  // sides write and then read in the single order of seq_cst.
  if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) backend_->wake();
}

void loop::deliver_messages() {
  message* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  message* oldest = nullptr;
  while (newest) {
    message* next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    message* next = oldest->next_;
    ++counters_.messages;
    oldest->delivered();
    oldest = next;
  }
}

void loop::run_ready() {
  for (int left = resumes_max; left > 0 && !ready_.empty(); --left) {
    hops_left_ = hops_max;
    immediate_left_ = immediate_max;
    ++counters_.resumed;
    ready_.pop().handle_.resume();
    while (retired_) {
      retired* ended = std::exchange(retired_, retired_->next_retired_);
      ended->destroy();
    }
  }
}

void loop::poll() {
  ++counters_.turns;
  if (!ready_.empty()) {
    backend_->poll(backend::no_wait);
    return;
  }
  asleep_.store(true, std::memory_order_seq_cst);
  const bool awaited = inbox_.load(std::memory_order_seq_cst) == nullptr;
  backend_->poll(awaited ? timers_.next() : backend::no_wait);
  asleep_.store(false, std::memory_order_relaxed);
}

void loop::drive(const bool& done, scope& root) {
  check(current_loop == nullptr, "run() was called inside of run(): await the task instead");
  current_loop = this;
  root_ = &root;
  while (true) {
    run_ready();
    if (done) break;
    poll();
    if (inbox_.load(std::memory_order_relaxed)) deliver_messages();
    if (!timers_.empty()) counters_.timers_fired += timers_.advance(backend_->now(), timers_max);
  }
  root_ = nullptr;
  current_loop = nullptr;
}

}  // namespace gyre
