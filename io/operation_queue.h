#pragma once

#include "gyre/runtime/operation.h"

namespace gyre {

/// Operations of a backend that wait for the same thing, first come first served. Intrusive: an
/// operation is in one queue at most, and what is added allocates nothing.
class operation_queue {
 public:
  operation_queue() noexcept = default;

  bool empty() const noexcept { return first_ == nullptr; }
  operation* first() const noexcept { return first_; }

  void push(operation& added) noexcept {
    added.backend_next = nullptr;
    added.backend_previous = last_;
    (last_ ? last_->backend_next : first_) = &added;
    last_ = &added;
  }

  /// `removed` must be in this queue.
  void remove(operation& removed) noexcept {
    operation* const previous = removed.backend_previous;
    operation* const next = removed.backend_next;
    (previous ? previous->backend_next : first_) = next;
    (next ? next->backend_previous : last_) = previous;
  }

  /// Null when it is empty.
  operation* pop() noexcept {
    operation* const popped = first_;
    if (popped) remove(*popped);
    return popped;
  }

 private:
  operation* first_ = nullptr;
  operation* last_ = nullptr;
};

}  // namespace gyre
