#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/value_ring.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

class cross_channel_wait;
template <class T>
class cross_channel;

/// A wait for one of several waits at cross_channels; see `select`. Whoever is about to serve one
/// of them has to claim it first: somebody else may be about to serve another.
class cross_channel_selection : protected suspension {
 protected:
  friend class cross_channel_wait;
  explicit cross_channel_selection(std::size_t waits) noexcept : waits_(waits) {}
  ~cross_channel_selection() = default;

  /// True for one only.
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_relaxed); }
  /// One of them came to nothing. True when that was the last, and nobody claimed it before.
  bool claim_closed() noexcept { return close_one() && claim(); }
  bool close_one() noexcept {
    return closed_.fetch_add(1, std::memory_order_relaxed) + 1 == waits_;
  }
  bool all_closed() const noexcept { return closed_.load(std::memory_order_relaxed) == waits_; }

  /// It was claimed, and goes on: none of its waits may stand in a queue any more.
  virtual void settle() noexcept = 0;

 private:
  const std::size_t waits_;
  std::atomic<bool> claimed_ = false;
  std::atomic<std::size_t> closed_ = 0;
};

/// A wait to send or to receive, by itself or as one of a `select`.
class cross_channel_wait : public cross_wait {
 protected:
  template <class Wait, class... Waits>
  friend class choice;
  template <class... Waits>
  friend class cross_select_wait;
  template <class T>
  friend class cross_channel;

  cross_channel_wait() noexcept = default;
  ~cross_channel_wait() = default;

  virtual any_loop::lock& lock() const noexcept = 0;
  // Under that:
  /// Does at once what it is for if that can be, or finds the channel closed; else it stays idle.
  virtual stage attempt(granted_waits& granted) noexcept = 0;
  /// Stands in its queue, as one of a `select`.
  virtual void enqueue(cross_channel_selection& selection, promise_base& awaiting,
                       await_location at) noexcept = 0;

  /// Whether it is to be served by whoever asks. When not, another serves the same `select`.
  bool claim() noexcept { return !selection_ || selection_->claim(); }
  void withdraw() noexcept { leave(stage::idle); }
  void close(granted_waits& granted) noexcept {
    if (!selection_ || selection_->claim_closed())
      granted.take(*this, stage::closed);
    else
      leave(stage::closed);
  }

  cross_channel_selection* selection_ = nullptr;

 private:
  void leave(stage stage) noexcept {
    leave_queue();
    stage_ = stage;
  }
  bool settles() noexcept override {
    if (selection_) selection_->settle();
    return true;
  }
};

/// Carries values between tasks of any loops, as `channel` does between those of one: bounded, any
/// number on each side, in order, first come first served on both sides, and nothing allocated for
/// a wait. Whoever serves a task that waits posts a message to its loop, which is woken only when
/// it sleeps; while neither side waits no message is sent at all. A lock is held for as long as a
/// value takes to move, so values should move cheaply.
///
/// `send` and `receive` are awaited by tasks; all else may be called from any thread, also from one
/// without a loop: see `any_loop`.
///
/// Errors: `broken_pipe` once closed, `operation_canceled` when the task is asked to stop.
/// No value is lost by a stop: one that was handed over before is received, and one that was not
/// sent stays with its sender.
template <class T>
class cross_channel {
 public:
  /// It holds up to `capacity` values; with 0 each sender waits for its receiver.
  explicit cross_channel(std::size_t capacity) : buffer_(capacity) {}
  cross_channel(const cross_channel&) = delete;
  cross_channel& operator=(const cross_channel&) = delete;
  ~cross_channel() {
    check(senders_.empty() && receivers_.empty(),
          "a cross_channel was destroyed while tasks wait for it");
  }

  class send_wait;
  class copy_send_wait;
  class receive_wait;

  /// Sends `value` when there is room or a receiver. It is moved from when that succeeds; else it
  /// stays as it was. It must live, and not be touched, until this has ended.
  send_wait send(T&& value) noexcept { return send_wait(*this, &value); }
  /// Sends a copy, which is made now.
  copy_send_wait send(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    return copy_send_wait(*this, value);
  }

  /// Gives the oldest value, waiting for one where there is none. After `close` those that are left
  /// are given, then `broken_pipe`.
  receive_wait receive() noexcept { return receive_wait(*this); }

  /// Sends at once, or gives `resource_unavailable_try_again`, or `broken_pipe` once closed. Moves
  /// from `value` only when it was sent.
  result<void> try_send(T&& value) noexcept { return attempt_result(offer(&value)); }
  result<void> try_send(const T& value)
    requires std::is_copy_constructible_v<T>
  {
    T copy = value;
    return try_send(std::move(copy));
  }
  /// Receives at once, or gives `resource_unavailable_try_again`, or `broken_pipe` when closed and
  /// empty.
  result<T> try_receive() noexcept {
    std::optional<T> value;
    const auto attempted = attempt_result(take(value));
    if (!attempted) return attempted.error();
    return *std::move(value);
  }

  /// Nothing is sent from here on: senders that wait get `broken_pipe` and keep their values, and
  /// receivers get it when no value is left. Idempotent.
  void close() noexcept {
    section inside(lock_);
    closed_ = true;
    for (wait_queue<place>* queue : {&senders_, &receivers_})
      while (!queue->empty()) queue->first().close(inside.granted());
  }
  bool is_closed() const noexcept {
    const section inside(lock_);
    return closed_;
  }

  std::size_t capacity() const noexcept { return buffer_.capacity(); }
  /// How many values it holds at the moment.
  std::size_t size() const noexcept {
    const section inside(lock_);
    return buffer_.size();
  }

 private:
  using section = any_loop::section;
  using stage = queued_wait::stage;
  template <class, class, class, class>
  friend class basic_wait;

  /// A task that waits.
  class place : public basic_wait<any_loop, cross_channel, place, cross_channel_wait> {
   protected:
    friend class cross_channel;
    explicit place(cross_channel& channel) noexcept
        : basic_wait<any_loop, cross_channel, place, cross_channel_wait>(channel) {}
    ~place() { this->check_has_left(); }

    /// What can be done at once, else a wait in `queue`: false without one.
    bool attempt_or_wait(wait_queue<place>& queue, promise_base& awaiting,
                         await_location at) noexcept {
      section inside(this->of_.lock_);
      if (awaiting.chain().stop_requested()) return this->refuse_to_wait(awaiting, at);
      if (this->attempt(inside.granted()) != stage::idle)
        return this->goes_on_in_turn(awaiting, at);
      this->stand_in(queue, awaiting, at);
      return true;
    }
    any_loop::lock& lock() const noexcept override { return this->of_.lock_; }
  };

  static result<void> attempt_result(stage stage) noexcept {
    if (stage == stage::ended) return {};
    return stage == stage::closed ? std::errc::broken_pipe
                                  : std::errc::resource_unavailable_try_again;
  }

  stage offer(T* value) noexcept {
    section inside(lock_);
    return offer(value, inside.granted());
  }
  stage offer(T* value, granted_waits& granted) noexcept {
    if (closed_) return stage::closed;
    if (place* const first = first_to_serve(receivers_)) {
      auto& receiver = static_cast<receive_wait&>(*first);
      receiver.value_.emplace(std::move(*value));
      granted.take(receiver, stage::ended);
    } else if (!buffer_.full()) {
      buffer_.push(std::move(*value));
    } else {
      return stage::idle;
    }
    return stage::ended;
  }

  stage take(std::optional<T>& value) noexcept {
    section inside(lock_);
    return take(value, inside.granted());
  }
  stage take(std::optional<T>& value, granted_waits& granted) noexcept {
    place* const sender = first_to_serve(senders_);
    if (!buffer_.empty()) {
      value.emplace(buffer_.pop());
      if (sender) buffer_.push(take_from(*sender, granted));
    } else if (sender) {
      value.emplace(take_from(*sender, granted));
    } else {
      return closed_ ? stage::closed : stage::idle;
    }
    return stage::ended;
  }
  // The sender keeps its value until it goes on, which is not before the lock was let go.
  T&& take_from(place& sender, granted_waits& granted) noexcept {
    granted.take(sender, stage::ended);
    return std::move(*static_cast<send_wait&>(sender).value_);
  }

  /// The first that nobody else serves, now claimed; or null.
  static place* first_to_serve(wait_queue<place>& queue) noexcept {
    while (!queue.empty()) {
      place& first = queue.first();
      if (first.claim()) return &first;
      first.withdraw();
    }
    return nullptr;
  }

  mutable any_loop::lock lock_;
  wait_queue<place> senders_;
  wait_queue<place> receivers_;
  value_ring<T> buffer_;
  bool closed_ = false;
};

/// A wait to send what another owns.
template <class T>
class [[nodiscard]] cross_channel<T>::send_wait : public place {
 public:
  using selected_type = std::monostate;

  send_wait(cross_channel& channel, T* value) noexcept : place(channel), value_(value) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return this->attempt_or_wait(this->of_.senders_, awaiting.promise(), at);
  }
  result<void> await_resume() noexcept {
    this->end_wait();
    if (this->stage_ != stage::ended) return this->failure();
    return {};
  }
  selected_type selected() noexcept { return {}; }

 private:
  friend class cross_channel;
  stage attempt(granted_waits& granted) noexcept override {
    return this->stage_ = this->of_.offer(value_, granted);
  }
  void enqueue(cross_channel_selection& selection, promise_base& awaiting,
               await_location at) noexcept override {
    this->selection_ = &selection;
    this->stand_in(this->of_.senders_, awaiting, at);
  }
  const char* name() const noexcept override { return "send"; }

  T* value_;
};

/// A wait to send a copy.
template <class T>
class [[nodiscard]] cross_channel<T>::copy_send_wait final : public send_wait {
 public:
  copy_send_wait(cross_channel& channel, const T& value)
      : send_wait(channel, &copy_), copy_(value) {}

 private:
  T copy_;
};

/// A wait to receive.
template <class T>
class [[nodiscard]] cross_channel<T>::receive_wait final : public place {
 public:
  using selected_type = T;

  explicit receive_wait(cross_channel& channel) noexcept : place(channel) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return this->attempt_or_wait(this->of_.receivers_, awaiting.promise(), at);
  }
  result<T> await_resume() noexcept {
    this->end_wait();
    if (this->stage_ != stage::ended) return this->failure();
    return *std::move(value_);
  }
  selected_type selected() noexcept { return *std::move(value_); }

 private:
  friend class cross_channel;
  stage attempt(granted_waits& granted) noexcept override {
    return this->stage_ = this->of_.take(value_, granted);
  }
  void enqueue(cross_channel_selection& selection, promise_base& awaiting,
               await_location at) noexcept override {
    this->selection_ = &selection;
    this->stand_in(this->of_.receivers_, awaiting, at);
  }
  const char* name() const noexcept override { return "receive"; }

  std::optional<T> value_;
};

}  // namespace gyre
