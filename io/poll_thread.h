#pragma once

#include <poll.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/io/operation_queue.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// Waits with poll(2) for the descriptors of any number of operations, on one thread of its own,
/// which starts when it is needed and gets no signals. Uses `operation::backend_slot` and the
/// links. All but the thread itself is used on the backend's thread.
class poll_thread {
 public:
  /// `home` is woken when there is something to collect, and must outlive this.
  explicit poll_thread(backend& home) noexcept : home_(home) {}
  poll_thread(const poll_thread&) = delete;
  poll_thread& operator=(const poll_thread&) = delete;
  /// Ends the thread. Nothing may be watched.
  ~poll_thread();

  /// Waits until `operation.ready_when()`. Gives 0, or the errno where no thread can be had.
  int watch(operation& operation) noexcept;
  /// Lets the wait for `operation` end soon: only when it is collected has the kernel let go of its
  /// descriptor.
  void unwatch(operation& operation) noexcept;
  /// One that `users` counts and that was not asked to stop, or null.
  operation* find(const descriptor_users& users) noexcept;

  /// Calls `take(operation, error)` for each whose wait has ended: `error` is 0 or a negative
  /// errno of poll(2). `take` may watch again.
  template <class Take>
  unsigned collect(Take take) noexcept {
    if (!any_done_.load(std::memory_order_relaxed)) return 0;
    unsigned count = 0;
    for (operation_queue done = take_done(); operation* each = done.pop(); ++count)
      take(*each, static_cast<int>(each->backend_slot));
    return count;
  }

 private:
  operation_queue take_done() noexcept;
  int start() noexcept;
  void kick() noexcept;
  void run() noexcept;
  bool take_changes() noexcept;
  int poll() noexcept;
  void fill();
  bool is_ready(const operation& operation) const noexcept;
  void settle(int answer) noexcept;
  void release(operation& operation, int error) noexcept;

  backend& home_;
  std::thread thread_;
  int kick_fd_ = -1;

  std::mutex mutex_;  // guards all that follows, and backend_slot and the links of what is in here
  operation_queue arrived_;
  operation_queue waiting_;
  operation_queue done_;
  std::size_t waiting_count_ = 0;
  bool ending_ = false;
  std::atomic<bool> any_done_ = false;

  // Of the thread alone, made anew for each poll(2): it costs as much in any case. A descriptor is
  // in it once, however many wait for it, since there must not be more entries than RLIMIT_NOFILE.
  std::vector<pollfd> polled_;         // the first is kick_fd_
  std::vector<std::size_t> index_of_;  // by descriptor; 0 for those not polled
};

}  // namespace gyre
