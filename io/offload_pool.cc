#include "gyre/io/offload_pool.h"

#include <pthread.h>

#include <climits>
#include <csignal>
#include <cstdint>
#include <exception>

#include "gyre/runtime/check.h"

namespace gyre {
namespace {

// In operation::backend_slot until the result is there; no result is that low.
constexpr auto slot_queued = static_cast<std::uint32_t>(INT_MIN);
constexpr auto slot_running = static_cast<std::uint32_t>(INT_MIN + 1);

operation* find_in(const operation_queue& queue, const descriptor_users& users) noexcept {
  for (operation* each = queue.first(); each; each = each->backend_next)
    if (each->is_counted_by(users) && !each->stop_requested()) return each;
  return nullptr;
}

bool awaits_network(const operation& operation) noexcept {
  return operation.kind().waits_for == awaited_thing::network;
}

}  // namespace

offload_pool::offload_pool(backend& home, unsigned threads_max)
    : home_(home), threads_max_(threads_max), network_max_((threads_max + 1) / 2) {
  threads_.reserve(threads_max);
}

offload_pool::~offload_pool() {
  {
    const std::lock_guard lock(mutex_);
    check(queued_count_ == 0 && running_.empty() && done_.empty(),
          "a pool of threads was destroyed with operations in it");
    ending_ = true;
  }
  work_there_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool offload_pool::submit(operation& operation) noexcept {
  bool one_more = false;
  {
    const std::lock_guard lock(mutex_);
    operation.backend_slot = slot_queued;
    queue_of(operation).push(operation);
    one_more = ++queued_count_ > idle_ && threads_.size() < threads_max_;
  }
  if (one_more) start_thread();
  if (threads_.empty()) return !withdraw(operation);
  work_there_.notify_one();
  return true;
}

bool offload_pool::withdraw(operation& operation) noexcept {
  const std::lock_guard lock(mutex_);
  if (operation.backend_slot != slot_queued) return false;
  queue_of(operation).remove(operation);
  --queued_count_;
  return true;
}

operation* offload_pool::find(const descriptor_users& users) noexcept {
  const std::lock_guard lock(mutex_);
  for (const operation_queue* queue : {&queued_, &queued_for_network_, &running_, &done_})
    if (operation* found = find_in(*queue, users)) return found;
  return nullptr;
}

operation_queue offload_pool::take_done() noexcept {
  const std::lock_guard lock(mutex_);
  any_done_.store(false, std::memory_order_relaxed);
  return std::exchange(done_, operation_queue());
}

// Signals are for the threads that the program knows of.
void offload_pool::start_thread() noexcept {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    pthread_setname_np(threads_.emplace_back([this] { work(); }).native_handle(), "gyre-offload");
  } catch (const std::exception&) {
    // Those that there are, if any, do the work.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

operation_queue& offload_pool::queue_of(const operation& operation) noexcept {
  return awaits_network(operation) ? queued_for_network_ : queued_;
}

// From both queues in turn. What may not run yet is taken by the thread that lets it: the one that
// has ended one of its kind.
operation* offload_pool::take_next() noexcept {
  const bool network = !queued_for_network_.empty() && network_running_ < network_max_ &&
                       (network_is_next_ || queued_.empty());
  operation* taken = (network ? queued_for_network_ : queued_).pop();
  if (!taken) return nullptr;
  network_is_next_ = !network;
  if (network) ++network_running_;
  --queued_count_;
  return taken;
}

void offload_pool::work() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    operation* next = take_next();
    while (!next) {
      if (ending_) return;
      ++idle_;
      work_there_.wait(lock);
      --idle_;
      next = take_next();
    }
    operation& taken = *next;
    running_.push(taken);
    taken.backend_slot = slot_running;
    lock.unlock();
    const int result = taken.perform();
    lock.lock();
    running_.remove(taken);
    if (awaits_network(taken)) --network_running_;
    taken.backend_slot = static_cast<std::uint32_t>(result);
    const bool first = done_.empty();
    done_.push(taken);
    any_done_.store(true, std::memory_order_relaxed);
    if (!first) continue;
    lock.unlock();
    home_.wake();
    lock.lock();
  }
}

}  // namespace gyre
