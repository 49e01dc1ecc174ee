#pragma once

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bitset>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gyre/io/ring_feature.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/time.h"

namespace gyre {

/// How large a ring to ask for. What the kernel's limits don't allow is halved until it fits.
class ring_size {
 public:
  ring_size() noexcept {}
  unsigned submissions = 512;
  unsigned completions = 8192;
};

/// Opcodes of io_uring, by their numbers.
using opcode_set = std::bitset<256>;

/// The two queues that are shared with the kernel, and the calls on them: io_uring_setup(2),
/// io_uring_enter(2), io_uring_register(2). liburing serves for the layout and for filling entries;
/// its own queue code (2.3) can't drive rings without the index array, which are a tenth cheaper.
/// Made and used on one thread.
class ring {
 public:
  /// Creates a ring with the best flags that this kernel takes, but for `without`. Fails with the
  /// errno of
  /// io_uring_setup(2): ENOSYS, EPERM, EACCES where io_uring is absent or forbidden, ENOMEM where
  /// RLIMIT_MEMLOCK is too low, EMFILE; EOPNOTSUPP for a kernel older than 5.19; EINVAL for no
  /// submissions, or fewer completions than submissions.
  static result<std::unique_ptr<ring>> create(const ring_size& size,
                                              const ring_feature_set& without = ring_feature_set());

  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  /// Nothing may be in flight.
  ~ring();

  /// A zeroed submission entry, or null when all are in use. It is published by the next `enter`.
  io_uring_sqe* next_submission() noexcept {
    return submissions_free() > 0 ? &take_submission() : nullptr;
  }
  /// The same, where one is known to be free.
  io_uring_sqe& take_submission() noexcept {
    io_uring_sqe& sqe = sqes_[sq_tail_++ & (sq_entries_ - 1)];
    std::memset(&sqe, 0, sizeof sqe);
    return sqe;
  }
  unsigned submissions_free() const noexcept { return sq_entries_ - unconsumed(); }
  /// Entries that the kernel has not taken yet.
  unsigned unconsumed() const noexcept {
    return sq_tail_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);
  }

  /// Publishes what was filled and enters the kernel. Waits for `least` completions until `until`;
  /// `least` 0 only collects. Gives what io_uring_enter(2) returns, or a negative errno. Inline
  /// down to the call: the kernel's own returns leave the processor with nothing right to predict
  /// ours by, so each function between the loop and the kernel costs a pipeline.
  [[gnu::always_inline]] int enter(unsigned least, steady_time until) noexcept {
    __atomic_store_n(sq_shared_tail_, sq_tail_, __ATOMIC_RELEASE);
    if (least > 0 && until != never) return enter_until(least, until);
    const long done = syscall(__NR_io_uring_enter, enter_fd_, unconsumed(), least, enter_flags_,
                              nullptr, std::size_t{0});
    return done < 0 ? -errno : static_cast<int>(done);
  }

  /// The kernel has completions that only an `enter` brings into the queue.
  bool has_deferred() const noexcept {
    return (__atomic_load_n(sq_flags_, __ATOMIC_RELAXED) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
  }
  bool overflowed() const noexcept {
    return (__atomic_load_n(sq_flags_, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
  }

  bool has_completions() const noexcept {
    return *cq_head_ != __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE);
  }
  /// Calls `take(cqe)` for at most `most` completions, and gives their number.
  template <class Take>
  unsigned reap(unsigned most, Take take) noexcept {
    unsigned head = *cq_head_;
    const unsigned ready = __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE) - head;
    const unsigned count = ready < most ? ready : most;
    for (unsigned i = 0; i < count; ++i) {
      const io_uring_cqe& shared = cqes_[head & cq_mask_];
      const io_uring_cqe cqe{shared.user_data, shared.res, shared.flags};
      // Given back one by one: `take` may enter the kernel, which then has room.
      __atomic_store_n(cq_head_, ++head, __ATOMIC_RELEASE);
      take(cqe);
    }
    return count;
  }

  /// Gives the ring a table of `count` places for open files, all empty (Linux 5.19).
  bool register_files(unsigned count) noexcept;
  /// Closes the one at `index`.
  bool close_registered(unsigned index) noexcept;

  int file() const noexcept { return fd_; }
  /// What this kernel has, by IORING_REGISTER_PROBE. IORING_OP_URING_CMD is among it where sockets
  /// take its commands. Where a sandbox forbids the question the ring is taken to have all that
  /// liburing knows.
  const opcode_set& opcodes() const noexcept { return opcodes_; }
  bool opcodes_are_told() const noexcept { return opcodes_are_told_; }
  unsigned submissions() const noexcept { return sq_entries_; }
  unsigned completions() const noexcept { return cq_mask_ + 1; }
  /// Of the features that are the ring's own, those in use.
  ring_feature_set features() const noexcept;
  /// The sizes and flags obtained, each for a person.
  std::vector<std::string> obtained() const;

 private:
  ring() noexcept = default;
  static result<std::unique_ptr<ring>> set_up(const ring_size& size,
                                              const ring_feature_set& without);
  bool map(const io_uring_params& params) noexcept;
  void register_file() noexcept;
  void limit_workers() noexcept;
  int enter_until(unsigned least, steady_time until) noexcept;
  void find_opcodes() noexcept;
  bool probe_opcodes() noexcept;
  result<void> prove() noexcept;

  int fd_ = -1;
  int enter_fd_ = -1;
  unsigned enter_flags_ = IORING_ENTER_GETEVENTS;
  unsigned setup_flags_ = 0;
  unsigned features_ = 0;
  opcode_set opcodes_;
  bool opcodes_are_told_ = false;

  unsigned sq_tail_ = 0;  // how far entries have been filled
  unsigned sq_entries_ = 0;
  unsigned* sq_head_ = nullptr;
  unsigned* sq_shared_tail_ = nullptr;
  unsigned* sq_flags_ = nullptr;
  io_uring_sqe* sqes_ = nullptr;

  unsigned* cq_head_ = nullptr;
  unsigned* cq_tail_ = nullptr;
  unsigned cq_mask_ = 0;
  io_uring_cqe* cqes_ = nullptr;

  void* queues_ = nullptr;
  std::size_t queues_size_ = 0;
  std::size_t sqes_size_ = 0;
};

}  // namespace gyre
