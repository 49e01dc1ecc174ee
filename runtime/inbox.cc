#include "gyre/runtime/inbox.h"

#include <sched.h>

namespace gyre {

// The first try takes it for empty: to look before would have the line brought here twice. What has
// its value is not written: the receiver's copy of a message that is sent often stays good.
bool inbox::post(message& message) noexcept {
  class message* newest = nullptr;
  do {
    class message* const next = newest == sleeper() ? nullptr : newest;
    if (message.next_ != next) message.next_ = next;
  } while (!newest_.compare_exchange_weak(newest, &message, std::memory_order_release,
                                          std::memory_order_relaxed));
  return newest == sleeper();
}

// Oldest first.
message* inbox::take() noexcept {
  message* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  message* oldest = nullptr;
  while (newest) {
    message* next = newest->next_;
    if (next != oldest) newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

void inbox::deliver(std::uint64_t& delivered) noexcept {
  for (message* each = take(); each;) {
    message* next = each->next_;
    ++delivered;
    each->delivered();
    each = next;
  }
}

void inbox::close() noexcept {
  for (message* each = take(); each;) {
    message* next = each->next_;
    each->discarded();
    each = next;
  }
  while (rings_.load(std::memory_order_acquire) != rings_due_) sched_yield();
}

}  // namespace gyre
