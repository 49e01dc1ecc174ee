#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Gives every value to each subscription, from when that was made. Sending never waits: the last
/// `capacity` values are kept, and a receiver that is further behind is told how many it has
/// missed. The buffer is allocated once, waiting allocates nothing. Must outlive its subscriptions.
/// To be used as `broadcast<T>` or `cross_broadcast<T>`.
///
///     auto prices = market.subscribe();
///     while (true) {
///       auto price = co_await prices.receive();
///       if (price) show(*price);
///       else if (price.error() == std::errc::no_buffer_space) warn(prices.missed());
///       else break;  // closed, or stopped
///     }
template <class T, class Reach>
class basic_broadcast {
  using section = typename Reach::section;
  static_assert(std::is_copy_constructible_v<T>, "each receiver of a broadcast gets a copy");
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a value that is sent takes the place of one that others may still receive");

 public:
  /// Keeps the last `capacity` values, one at least.
  explicit basic_broadcast(std::size_t capacity)
      : kept_(std::make_unique<std::optional<T>[]>(capacity)), capacity_(capacity) {
    check(capacity > 0, "a broadcast keeps one value at least");
  }
  basic_broadcast(const basic_broadcast&) = delete;
  basic_broadcast& operator=(const basic_broadcast&) = delete;
  ~basic_broadcast() {
    check(subscriptions_ == 0, "a broadcast was destroyed that has subscriptions: end those first");
  }

  class subscription;
  class receive_wait;

  /// Begins with the next value that is sent.
  subscription subscribe() noexcept { return subscription(*this); }
  std::size_t subscriptions() const noexcept {
    const section inside(lock_);
    return subscriptions_;
  }

  /// Gives `value` to all subscriptions. `broken_pipe` once closed.
  result<void> send(T value) {
    std::optional<T> replaced;  // may use the broadcast when it is destroyed, without the lock
    section inside(lock_);
    if (closed_) return std::errc::broken_pipe;
    replaced.swap(kept_[sent_ % capacity_]);
    kept_[sent_ % capacity_].emplace(std::move(value));
    ++sent_;
    grant_all(inside, waiting_);
    return {};
  }

  /// Nothing is sent from here on: receivers get what is left for them, then `broken_pipe`.
  void close() noexcept {
    section inside(lock_);
    closed_ = true;
    grant_all(inside, waiting_);
  }
  bool is_closed() const noexcept {
    const section inside(lock_);
    return closed_;
  }

 private:
  template <class, class, class, class>
  friend class basic_wait;

  std::uint64_t oldest() const noexcept { return sent_ > capacity_ ? sent_ - capacity_ : 0; }

  std::unique_ptr<std::optional<T>[]> kept_;
  std::size_t capacity_;
  std::uint64_t sent_ = 0;
  wait_queue<receive_wait> waiting_;
  std::size_t subscriptions_ = 0;
  bool closed_ = false;
  [[no_unique_address]] mutable typename Reach::lock lock_;
};

/// For the tasks of one loop, on its thread.
template <class T>
using broadcast = basic_broadcast<T, one_loop>;
/// For the tasks of any loops, see `any_loop`. A subscription is used by one task at a time, which
/// may be on any loop; `send`, `close` and `subscribe` are called on any thread. Values are copied
/// and moved under the lock, so both should be quick, and must not use the broadcast.
template <class T>
using cross_broadcast = basic_broadcast<T, any_loop>;

/// A place in what a broadcast sends. For one task at a time; not to be moved while that waits.
template <class T, class Reach>
class [[nodiscard]] basic_broadcast<T, Reach>::subscription {
 public:
  explicit subscription(basic_broadcast& from) noexcept : from_(&from) {
    const section inside(from.lock_);
    next_ = from.sent_;
    ++from.subscriptions_;
  }
  subscription(subscription&& other) noexcept
      : from_(std::exchange(other.from_, nullptr)), next_(other.next_), missed_(other.missed_) {
    check(!other.waited_for_, "a subscription was moved while a task waits for it");
  }
  subscription& operator=(subscription&&) = delete;
  ~subscription() {
    check(!waited_for_, "a subscription was destroyed while a task waits for it");
    if (!from_) return;
    const section inside(from_->lock_);
    --from_->subscriptions_;
  }

  /// Gives a copy of the next value, waiting for one where there is none. Errors:
  /// `no_buffer_space`, once, when values were overwritten that this had not received (`missed`
  /// says how many; it goes on with the oldest that is left); `broken_pipe` when all that was sent
  /// before `close` has been received; `operation_canceled` when the task is asked to stop. A stop
  /// loses no value: those that come after it can be received by others with this subscription.
  receive_wait receive() noexcept {
    check(!waited_for_, "two tasks receive from one subscription: let each have its own");
    return receive_wait(*this);
  }
  /// The same at once, or `resource_unavailable_try_again`.
  result<T> try_receive() {
    check(!waited_for_, "two tasks receive from one subscription: let each have its own");
    const section inside(from_->lock_);
    return take();
  }

  /// How many values the last `no_buffer_space` stands for.
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  friend class receive_wait;

  bool has_outcome() const noexcept { return next_ < from_->sent_ || from_->closed_; }
  result<T> take() {
    const std::uint64_t oldest = from_->oldest();
    if (next_ < oldest) {
      missed_ = oldest - next_;
      next_ = oldest;
      return std::errc::no_buffer_space;
    }
    if (next_ == from_->sent_)
      return from_->closed_ ? std::errc::broken_pipe : std::errc::resource_unavailable_try_again;
    result<T> value = *from_->kept_[next_ % from_->capacity_];
    ++next_;
    return value;
  }

  basic_broadcast* from_;
  std::uint64_t next_ = 0;
  std::uint64_t missed_ = 0;
  bool waited_for_ = false;
};

/// A wait for the next value of a subscription.
template <class T, class Reach>
class [[nodiscard]] basic_broadcast<T, Reach>::receive_wait final
    : public basic_wait<Reach, basic_broadcast, receive_wait> {
 public:
  explicit receive_wait(subscription& subscription) noexcept
      : basic_wait<Reach, basic_broadcast, receive_wait>(*subscription.from_),
        subscription_(subscription) {}
  ~receive_wait() { this->check_has_left(); }

  bool await_ready() const noexcept { return false; }
  // A stop comes first: there may always be something to receive.
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    const section inside(this->of_.lock_);
    if (!awaiting.promise().chain().stop_requested() && subscription_.has_outcome()) {
      if constexpr (Reach::between_loops)
        return subscription_.waited_for_ = this->goes_on_in_turn(awaiting.promise(), at);
      return false;
    }
    return subscription_.waited_for_ = this->wait_in(this->of_.waiting_, awaiting.promise(), at);
  }
  result<T> await_resume() {
    subscription_.waited_for_ = false;
    if (this->ended_by_stop()) return std::errc::operation_canceled;
    const section inside(this->of_.lock_);
    return subscription_.take();
  }

 private:
  const char* name() const noexcept override { return "broadcast"; }

  subscription& subscription_;
};

}  // namespace gyre
