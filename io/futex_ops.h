#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "gyre/io/futex_waiter.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// futex(2): waiting for a change of a word in memory, which other threads or processes make. They
/// change the word first, and wake who waits afterwards, by `futex_wake` or by the system call.
/// Not for `std::atomic::notify_one`, which need not make any system call.
namespace gyre::op {

/// Waits until it is woken, if `word` is `expected`; `resource_unavailable_try_again` if it is not.
/// As all futexes it may be woken in vain: look at the word again. Woken when a stop came, it says
/// so, so that no wake is lost. `word` must stay until the wait has ended. Where io_uring has no
/// futexes each wait takes a thread and a descriptor; `not_enough_memory` or `too_many_files_open`
/// without.
class [[nodiscard]] futex_wait final : public operation {
 public:
  static const operation_kind kind;

  futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
             futex_sharing sharing = futex_sharing::in_process) noexcept
      : operation(kind, nullptr), word_(word), expected_(expected), sharing_(sharing) {}
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  // That of its waiter is known to the thread that performs it.
  int awaited_descriptor() const noexcept override { return -1; }

 private:
  const std::atomic<std::uint32_t>& word_;
  std::uint32_t expected_;
  futex_sharing sharing_;
  std::unique_ptr<futex_waiter> waiter_;
};

/// Wakes up to `count` that wait for `word`, at least 1, and gives how many there were.
class [[nodiscard]] futex_wake final : public operation {
 public:
  static const operation_kind kind;

  futex_wake(const std::atomic<std::uint32_t>& word, unsigned count,
             futex_sharing sharing = futex_sharing::in_process) noexcept;
  result<unsigned> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  int perform_cached() noexcept override { return perform(); }
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const std::atomic<std::uint32_t>& word_;
  unsigned count_;
  futex_sharing sharing_;
};

/// All kinds of this header.
std::span<const operation_kind* const> futex_operations() noexcept;

}  // namespace gyre::op
