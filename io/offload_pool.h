#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/io/operation_queue.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// Performs operations that may block (on a disk, on a lock) for a backend: on a bounded number of
/// threads, which start when they are needed and get no signals. More operations wait for their
/// turn, in order. Those that wait for the network take half of the threads at most: the others are
/// not to wait behind them. What runs can't be interrupted. Uses `operation::backend_slot` and the
/// links. All but the threads themselves is used on the backend's thread.
class offload_pool {
 public:
  /// `home` is woken when there is something to collect, and must outlive the pool.
  offload_pool(backend& home, unsigned threads_max);
  offload_pool(const offload_pool&) = delete;
  offload_pool& operator=(const offload_pool&) = delete;
  /// Ends the threads. Nothing may be in the pool.
  ~offload_pool();

  /// False when not even one thread can be had: the operation is then still the caller's.
  bool submit(operation& operation) noexcept;
  /// Takes `operation` back when it has not been begun; false when it will be performed.
  bool withdraw(operation& operation) noexcept;
  /// One that `users` counts and that was not asked to stop, or null.
  operation* find(const descriptor_users& users) noexcept;

  /// Whether there is something to collect.
  bool has_done() const noexcept { return any_done_.load(std::memory_order_relaxed); }
  /// Calls `take(operation, result)` for each that was performed, and gives their number. `take`
  /// may submit again.
  template <class Take>
  unsigned collect(Take take) noexcept {
    if (!has_done()) return 0;
    unsigned count = 0;
    for (operation_queue done = take_done(); operation* each = done.pop(); ++count)
      take(*each, static_cast<int>(each->backend_slot));
    return count;
  }

 private:
  operation_queue take_done() noexcept;
  operation_queue& queue_of(const operation& operation) noexcept;
  operation* take_next() noexcept;
  void start_thread() noexcept;
  void work() noexcept;

  backend& home_;
  const unsigned threads_max_;
  const unsigned network_max_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards all that follows, and backend_slot and the links of what is in here
  std::condition_variable work_there_;
  operation_queue queued_;
  operation_queue queued_for_network_;
  operation_queue running_;
  operation_queue done_;
  unsigned queued_count_ = 0;
  unsigned network_running_ = 0;
  bool network_is_next_ = false;
  unsigned idle_ = 0;
  bool ending_ = false;
  std::atomic<bool> any_done_ = false;
};

}  // namespace gyre
