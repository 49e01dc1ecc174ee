#pragma once

#include <coroutine>
#include <cstddef>
#include <span>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/promise.h"

namespace gyre {

class loop;

/// The wait for operations that go to the backend together. It ends when all of them have ended,
/// in whatever order that comes to be known.
class linked_submission final : public suspension {
 public:
  linked_submission(std::span<operation* const> operations, link_kind kind) noexcept
      : operations_(operations), kind_(kind) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return start(awaiting.promise(), at);
  }
  /// False where the backend can't take them together: none of them has begun.
  bool await_resume() noexcept;

  /// Only the first that has not ended is known to the kernel: the others begin, or are given up,
  /// after it.
  void request_stop() noexcept override;
  bool stop_requested() const noexcept { return stop_requested_; }
  const char* name() const noexcept override { return "link"; }
  /// Of the first that has not ended.
  int awaited_descriptor() const noexcept override;

  /// For `operation`.
  void ended(const operation& operation) noexcept;

 private:
  bool start(promise_base& waiter, await_location at) noexcept;
  void stop_first() noexcept;

  const std::span<operation* const> operations_;
  const link_kind kind_;
  std::size_t left_ = 0;
  bool taken_ = false;
  bool stop_requested_ = false;
};

/// The operations of a link while it is awaited. They are counted on their descriptors all the
/// time, also those that have not begun; closing one of these descriptors stops the link, which
/// `loop::cancel_all` finds by the list of them.
class linked_operations {
 public:
  linked_operations(loop& home, std::span<operation* const> operations, link_kind kind) noexcept;
  linked_operations(const linked_operations&) = delete;
  linked_operations& operator=(const linked_operations&) = delete;
  ~linked_operations();

  bool is_counted_by(const descriptor_users& users) const noexcept;
  linked_operations* next() const noexcept { return next_; }

  /// From here on none begins; what is `awaited` is asked to end.
  void request_stop() noexcept;
  bool stop_requested() const noexcept { return stop_requested_; }

  /// Those which the kernel has not answered: it cut the link where an operation was interrupted,
  /// where a descriptor was not ready, or after a transfer that has more to come (which is its
  /// answer when it was `stopped`). They are idle again, to be started one by one.
  void forget_unanswered(bool stopped) noexcept;

  const std::span<operation* const> operations;
  const link_kind kind;
  /// The operation or the submission that is in flight, or null.
  suspension* awaited = nullptr;

 private:
  bool is_answered(std::size_t index, bool stopped) const noexcept;

  linked_operations** list_;
  linked_operations* next_;
  linked_operations* previous_ = nullptr;
  bool stop_requested_ = false;
};

}  // namespace gyre
