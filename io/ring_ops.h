#pragma once

#include <cerrno>
#include <concepts>
#include <span>
#include <utility>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations about io_uring itself.
namespace gyre::op {

/// Does nothing, by the way that all operations take: for measuring that way, and as an element of
/// a link. Where there is no ring it ends at once.
class [[nodiscard]] nop final : public operation {
 public:
  static const operation_kind kind;

  nop() noexcept : operation(kind, nullptr) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override { return 0; }
  int perform_cached() noexcept override { return 0; }
  readiness ready_when() const noexcept override { return readiness::none(); }
};

/// What all `raw` have in common.
class raw_submission : public operation {
 public:
  static const operation_kind kind;

  /// The kernel's answer, 0 or more.
  result<int> await_resume() noexcept;

  int perform() noexcept final { return -EOPNOTSUPP; }
  int perform_cached() noexcept final { return -EOPNOTSUPP; }
  readiness ready_when() const noexcept final { return readiness::none(); }

 protected:
  explicit raw_submission(descriptor_users* users) noexcept : operation(kind, users) {}
  ~raw_submission() = default;

  /// Takes back what belongs to the backend: who is told, and what follows on what.
  static void leave_to_backend(io_uring_sqe& sqe) noexcept;
};

/// The way past Gyre's catalogue: a submission entry that `fill` fills in, called with a zeroed
/// `io_uring_sqe&`. Only where there is a ring: `operation_not_supported` on other backends, where
/// `fill` is not called.
///
///     auto got = co_await op::raw([&](io_uring_sqe& sqe) { io_uring_prep_…(&sqe, …); });
///
/// `fill` must not throw, and is called once more if a signal interrupted the kernel (EINTR). What
/// the entry points to must stay until the operation has ended; a stop cancels it as any other.
/// `user_data` and the flags that link, drain or leave out completions are the backend's, and are
/// overwritten. The request must complete exactly once: no multishot, no zero-copy send. Errors are
/// the kernel's; `invalid_argument` is also its answer to an opcode that it doesn't know.
template <std::invocable<io_uring_sqe&> Fill>
class [[nodiscard]] raw final : public raw_submission {
 public:
  explicit raw(Fill fill) noexcept : raw_submission(nullptr), fill_(std::move(fill)) {}
  /// One that closing `counted` ends and waits for.
  raw(descriptor& counted, Fill fill) noexcept
      : raw_submission(&counted.users()), fill_(std::move(fill)) {}

  void prepare(io_uring_sqe& sqe) noexcept override {
    fill_(sqe);
    leave_to_backend(sqe);
  }

 private:
  Fill fill_;
};

/// All kinds of this header.
std::span<const operation_kind* const> ring_operations() noexcept;

}  // namespace gyre::op
