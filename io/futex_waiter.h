#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "gyre/io/descriptor.h"

namespace gyre {

/// Who wakes whom by a futex.
enum class futex_sharing : std::uint8_t {
  in_process,        ///< threads of this process
  between_processes  ///< all that have mapped the memory
};
/// As futex_waitv(2) takes it.
std::uint32_t futex_flags(futex_sharing sharing) noexcept;

/// Waits on a futex where io_uring can't: on a thread of its own, which ends with the wait. One of
/// the backend's pool would not do: what is to wake it may stand in that pool's queue. The thread
/// waits for two words, the one asked for and one that ends the wait (futex_waitv(2), Linux 5.16).
class futex_waiter {
 public:
  /// Begins to wait while `word` is `expected`. `error` tells the errno where there is none.
  static std::unique_ptr<futex_waiter> begin(const std::atomic<std::uint32_t>& word,
                                             std::uint32_t expected, futex_sharing sharing,
                                             int& error) noexcept;
  futex_waiter(const futex_waiter&) = delete;
  futex_waiter& operator=(const futex_waiter&) = delete;
  ~futex_waiter() { end(); }

  /// Becomes readable when the wait has ended.
  int ended() const noexcept { return ended_.number(); }
  bool has_ended() const noexcept { return has_ended_.load(std::memory_order_acquire); }
  /// Ends the wait, and gives 0 if it was woken, else a negative errno: -EAGAIN where the word had
  /// another value, -ECANCELED where nothing happened.
  int end() noexcept;

 private:
  futex_waiter(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
               futex_sharing sharing, descriptor ended) noexcept;
  int start() noexcept;
  void work() noexcept;
  int wait() noexcept;
  int wait_in_slices() noexcept;

  const std::atomic<std::uint32_t>& word_;
  const std::uint32_t expected_;
  const futex_sharing sharing_;
  descriptor ended_;
  pthread_t thread_{};
  bool running_ = false;
  std::atomic<std::uint32_t> given_up_ = 0;
  std::atomic<bool> has_ended_ = false;
  int result_ = 0;
};

}  // namespace gyre
