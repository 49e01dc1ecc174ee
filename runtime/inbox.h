#pragma once

#include <atomic>
#include <cstdint>

namespace gyre {

/// Something to be done on a loop's thread, sent there from any thread. Intrusive: it must live
/// until it was delivered.
class message {
 public:
  message() noexcept = default;
  message(const message&) = delete;
  message& operator=(const message&) = delete;

 protected:
  ~message() = default;
  /// Runs on the loop's thread, outside of any task. The message may destroy itself here.
  virtual void delivered() noexcept = 0;
  /// Instead of that when the loop ends first, on the thread that ends it.
  virtual void discarded() noexcept {}

 private:
  friend class inbox;
  message* next_ = nullptr;
};

/// The messages that any thread sends to one that may be asleep. A sender touches the inbox once:
/// as soon as its message is there, the receiver may take it, end, and be gone. Only a sender that
/// finds the receiver asleep comes back, and for that one the receiver's end waits.
class inbox {
 public:
  inbox() noexcept = default;
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  /// True when the receiver was asleep: the sender must wake it, and then say so by `rang`.
  [[nodiscard]] bool post(message& message) noexcept;
  void rang() noexcept { rings_.fetch_add(1, std::memory_order_release); }

  // The others are the receiver's.

  bool empty() const noexcept { return newest_.load(std::memory_order_relaxed) == nullptr; }

  /// Whoever posts from here on must wake the receiver. False when there are messages already.
  [[nodiscard]] bool fall_asleep() noexcept {
    message* none = nullptr;
    return newest_.compare_exchange_strong(none, sleeper(), std::memory_order_relaxed);
  }
  void wake_up() noexcept {
    message* asleep = sleeper();
    if (!newest_.compare_exchange_strong(asleep, nullptr, std::memory_order_relaxed)) ++rings_due_;
  }

  void deliver(std::uint64_t& delivered) noexcept;

  /// Discards what was not delivered, and returns once nobody is about to wake the receiver.
  void close() noexcept;

 private:
  /// Stands in the place of a message while the receiver is asleep; never dereferenced.
  message* sleeper() noexcept { return reinterpret_cast<message*>(this); }

  message* take() noexcept;

  std::atomic<message*> newest_ = nullptr;
  std::atomic<std::uint64_t> rings_ = 0;
  std::uint64_t rings_due_ = 0;
};

}  // namespace gyre
