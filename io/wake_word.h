#pragma once

#include <atomic>
#include <cstdint>

namespace gyre {

/// Lets a thread that looks for work, before it sleeps, be woken without the kernel. What was
/// written before `wake` is seen after `end_look`. One word of three states and not two flags: a
/// waker that stopped between setting the one and reading the other could take the next look for
/// the one that it ended.
class wake_word {
 public:
  // Of the thread that looks:

  void begin_look() noexcept { state_.store(state::looking, std::memory_order_relaxed); }
  bool woken() const noexcept { return state_.load(std::memory_order_relaxed) == state::woken; }
  /// Whether it was woken since `begin_look`. From here on the kernel must wake it.
  bool end_look() noexcept {
    return state_.exchange(state::idle, std::memory_order_acquire) == state::woken;
  }

  /// From any thread. False when nobody looks: then the kernel must wake it. Writes also where
  /// somebody else has woken it before: whoever ends the look is to see what this one has done too.
  [[nodiscard]] bool wake() noexcept {
    state seen = state_.load(std::memory_order_relaxed);
    do {
      if (seen == state::idle) return false;
    } while (!state_.compare_exchange_weak(seen, state::woken, std::memory_order_release,
                                           std::memory_order_relaxed));
    return true;
  }

 private:
  enum class state : std::uint8_t { idle, looking, woken };

  std::atomic<state> state_ = state::idle;
};

}  // namespace gyre
