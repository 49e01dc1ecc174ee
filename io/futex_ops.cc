#include "gyre/io/futex_ops.h"

#include <liburing.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "gyre/io/system_call.h"
#include "gyre/io/uring_abi.h"

namespace gyre::op {
namespace {

// As io_uring_prep_futex_wait(3) of liburing 2.6, and its sibling.
void prepare_futex(io_uring_sqe& sqe, std::uint8_t opcode, const std::atomic<std::uint32_t>& word,
                   std::uint64_t value, futex_sharing sharing) noexcept {
  io_uring_prep_rw(opcode, &sqe, static_cast<int>(futex_flags(sharing)), &word, 0, value);
  sqe.addr3 = FUTEX_BITSET_MATCH_ANY;
}

int command(int shared, futex_sharing sharing) noexcept {
  return sharing == futex_sharing::in_process ? shared | FUTEX_PRIVATE_FLAG : shared;
}

}  // namespace

// Without the opcode it is the descriptor of a `futex_waiter` that becomes readable.
constinit const operation_kind futex_wait::kind("futex_wait", "futex_waitv(2)",
                                                awaited_thing::events, ring_policy::submit,
                                                uring_abi::op_futex_wait, "6.7");
void futex_wait::prepare(io_uring_sqe& sqe) noexcept {
  prepare_futex(sqe, uring_abi::op_futex_wait, word_, expected_, sharing_);
}
// With nothing left to wait for, -EAGAIN is the answer.
int futex_wait::perform() noexcept {
  if (waiter_) {
    if (!waiter_->has_ended()) return -EAGAIN;
    const int answer = waiter_->end();
    waiter_.reset();
    return answer;
  }
  const timespec at_once = {0, 0};
  const int call = command(FUTEX_WAIT, sharing_);
  const int answer = system_call(
      [&] { return syscall(SYS_futex, &word_, call, expected_, &at_once, nullptr, 0); });
  if (answer != -ETIMEDOUT) return answer;
  int error = 0;
  waiter_ = futex_waiter::begin(word_, expected_, sharing_, error);
  return waiter_ ? -EAGAIN : -error;
}
readiness futex_wait::ready_when() const noexcept {
  if (!waiter_) return readiness::none();
  return {waiter_->ended(), POLLIN};
}
result<void> futex_wait::await_resume() noexcept {
  const int answer = outcome();
  const bool woken = waiter_ && waiter_->end() == 0;
  waiter_.reset();
  if (answer < 0 && !woken) return errno_error(-answer);
  return {};
}

constinit const operation_kind futex_wake::kind("futex_wake", "futex(2)", awaited_thing::nothing,
                                                ring_policy::submit, uring_abi::op_futex_wake,
                                                "6.7");
futex_wake::futex_wake(const std::atomic<std::uint32_t>& word, unsigned count,
                       futex_sharing sharing) noexcept
    : operation(kind, nullptr),
      word_(word),
      count_(std::clamp<unsigned>(count, 1, INT_MAX)),
      sharing_(sharing) {}
void futex_wake::prepare(io_uring_sqe& sqe) noexcept {
  prepare_futex(sqe, uring_abi::op_futex_wake, word_, count_, sharing_);
}
int futex_wake::perform() noexcept {
  const int call = command(FUTEX_WAKE, sharing_);
  return system_call([&] { return syscall(SYS_futex, &word_, call, count_, nullptr, nullptr, 0); });
}
result<unsigned> futex_wake::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return static_cast<unsigned>(answer);
}

std::span<const operation_kind* const> futex_operations() noexcept {
  static constexpr const operation_kind* all[] = {&futex_wait::kind, &futex_wake::kind};
  return all;
}

}  // namespace gyre::op
