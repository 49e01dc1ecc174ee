#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/value_ring.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

class channel_wait;
template <class T>
class channel;

/// Room for a value. Whoever has it knows whether one is there.
template <class T>
class value_room {
 public:
  value_room() noexcept {}
  value_room(const value_room&) = delete;
  value_room& operator=(const value_room&) = delete;
  ~value_room()
    requires std::is_trivially_destructible_v<T>
  = default;
  ~value_room() {}

  void emplace(T&& value) noexcept { std::construct_at(&value_, std::move(value)); }
  T take() noexcept {
    T value = std::move(value_);
    destroy();
    return value;
  }
  void destroy() noexcept { std::destroy_at(&value_); }

 private:
  union {
    T value_;
  };
};

/// A wait for one of several channel waits; see `select`.
class channel_selection : protected suspension {
 protected:
  friend class channel_wait;
  channel_selection() noexcept = default;
  ~channel_selection() = default;
  bool is_local() const noexcept override { return true; }
  /// One of them has ended, and has left its queue.
  virtual void ended(channel_wait& wait) noexcept = 0;
};

/// A wait to send or to receive, by itself or as one of a `select`.
class channel_wait : public queued_wait {
 protected:
  template <class Wait, class... Waits>
  friend class choice;
  template <class... Waits>
  friend class select_wait;
  template <class T>
  friend class channel;

  channel_wait() noexcept = default;
  ~channel_wait() = default;

  /// Does at once what it is for if that can be, or finds the channel closed; else it stays idle.
  virtual stage attempt() noexcept = 0;
  /// Stands in its queue, as one of a `select`.
  virtual void enqueue(channel_selection& selection) noexcept = 0;

  /// It stands in its queue, and has ended there.
  [[gnu::always_inline]] void conclude(stage stage) noexcept {
    leave_queue();
    if (stage_ == stage::selectable) [[unlikely]]
      return conclude_selected(stage);
    go_on(stage);
  }
  [[gnu::noinline]] void conclude_selected(stage stage) noexcept {
    stage_ = stage;
    selection_->ended(*this);
  }

  /// One of a `select` that goes on without it.
  void withdraw() noexcept {
    if (stage_ != stage::selectable) return;
    leave_queue();
    stage_ = stage::idle;
  }

  channel_selection* selection_;  // while it is selectable
};

/// Carries values from tasks to tasks of one loop, any number on each side, in order. It holds up
/// to `capacity` of them; with 0 each sender waits for its receiver. Both sides are served first
/// come first served, and a value goes straight to a receiver that waits. The buffer is allocated
/// once, waiting allocates nothing. Must outlive its waiters; used on its loop's thread only.
/// Values that are left are destroyed with it.
///
///     gyre::channel<job> jobs(16);
///     …
///     if (!co_await jobs.send(std::move(next))) …            // closed, or stopped
///     while (auto job = co_await jobs.receive()) run(*job);  // until closed and empty, or stopped
///
/// Errors: `broken_pipe` once closed, `operation_canceled` when the task is asked to stop.
/// No value is lost by a stop: one that was handed over before is received, and one that was not
/// sent stays with its sender.
template <class T>
class channel {
 public:
  explicit channel(std::size_t capacity) : buffer_(capacity) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() {
    check(senders_.empty() && receivers_.empty(),
          "a channel was destroyed while tasks wait for it");
  }

  class send_wait;
  class copy_send_wait;
  class receive_wait;

  /// Sends `value` when there is room or a receiver. It is moved from when that succeeds; else it
  /// stays as it was. It must live until this has ended.
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
    return attempt_result(offer(&copy));
  }
  /// Receives at once, or gives `resource_unavailable_try_again`, or `broken_pipe` when closed and
  /// empty.
  result<T> try_receive() noexcept {
    std::optional<T> value;
    const result<void> attempted = attempt_result(take(value));
    if (!attempted) return attempted.error();
    return *std::move(value);
  }

  /// Nothing is sent from here on: senders that wait get `broken_pipe` and keep their values, and
  /// receivers get it when no value is left. Idempotent.
  void close() noexcept {
    closed_ = true;
    while (!senders_.empty()) senders_.first().conclude(stage::closed);
    while (!receivers_.empty()) receivers_.first().conclude(stage::closed);
  }
  bool is_closed() const noexcept { return closed_; }

  std::size_t capacity() const noexcept { return buffer_.capacity(); }
  /// How many values it holds.
  std::size_t size() const noexcept { return buffer_.size(); }

 private:
  using stage = channel_wait::stage;

  static result<void> attempt_result(stage stage) noexcept {
    if (stage == stage::ended) return {};
    return stage == stage::closed ? std::errc::broken_pipe
                                  : std::errc::resource_unavailable_try_again;
  }

  stage offer(T* value) noexcept {
    if (closed_) [[unlikely]]
      return stage::closed;
    if (!receivers_.empty()) {
      receive_wait& receiver = receivers_.first();
      receiver.value_.emplace(std::move(*value));
      receiver.conclude(stage::ended);
    } else if (!buffer_.full()) {
      buffer_.push(std::move(*value));
    } else {
      return stage::idle;
    }
    return stage::ended;
  }

  /// Whether `take` finds something, if only that nothing will ever come.
  bool anything_to_take() const noexcept {
    return !buffer_.empty() || !senders_.empty() || closed_;
  }
  template <class Room>
  stage take(Room& room) noexcept {
    if (!buffer_.empty()) {
      room.emplace(buffer_.pop());
      if (!senders_.empty()) buffer_.push(take_from_sender());
    } else if (!senders_.empty()) {
      room.emplace(take_from_sender());
    } else {
      return closed_ ? stage::closed : stage::idle;
    }
    return stage::ended;
  }
  T take_from_sender() noexcept {
    send_wait& sender = senders_.first();
    sender.conclude(stage::ended);
    return std::move(*sender.value_);
  }

  wait_queue<send_wait> senders_;
  wait_queue<receive_wait> receivers_;
  value_ring<T> buffer_;
  bool closed_ = false;
};

/// A wait to send what another owns.
template <class T>
class [[nodiscard]] channel<T>::send_wait : public channel_wait {
 public:
  using selected_type = std::monostate;

  send_wait(channel& channel, T* value) noexcept : channel_(channel), value_(value) {}
  ~send_wait() { check_has_left(); }

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    if (awaiting.promise().chain().stop_requested()) [[unlikely]]
      return refuse_to_wait(awaiting.promise(), at);
    if (attempt() != stage::idle) return false;
    stand_in(channel_.senders_, awaiting.promise(), at);
    return true;
  }
  result<void> await_resume() noexcept {
    end_wait();
    if (stage_ != stage::ended) [[unlikely]]
      return failure();
    return {};
  }
  selected_type selected() noexcept { return {}; }

 private:
  friend class channel;
  stage attempt() noexcept override { return stage_ = channel_.offer(value_); }
  void enqueue(channel_selection& selection) noexcept override {
    selection_ = &selection;
    stage_ = stage::selectable;
    channel_.senders_.push(*this);
  }
  const char* name() const noexcept override { return "send"; }

  channel& channel_;
  T* value_;
};

/// A wait to send a copy.
template <class T>
class [[nodiscard]] channel<T>::copy_send_wait final : public send_wait {
 public:
  copy_send_wait(channel& channel, const T& value) : send_wait(channel, &copy_), copy_(value) {}

 private:
  T copy_;
};

/// A wait to receive.
template <class T>
class [[nodiscard]] channel<T>::receive_wait final : public channel_wait {
 public:
  using selected_type = T;

  explicit receive_wait(channel& channel) noexcept : channel_(channel) {}
  ~receive_wait() {
    check_has_left();
    if constexpr (!std::is_trivially_destructible_v<T>) {
      if (stage_ == stage::ended) value_.destroy();
    }
  }

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    if (awaiting.promise().chain().stop_requested()) [[unlikely]]
      return refuse_to_wait(awaiting.promise(), at);
    if (channel_.anything_to_take()) {
      attempt_apart();
      return false;
    }
    stand_in(channel_.receivers_, awaiting.promise(), at);
    return true;
  }
  result<T> await_resume() noexcept {
    end_wait();
    if (stage_ != stage::ended) [[unlikely]]
      return failure();
    return selected();
  }
  selected_type selected() noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) stage_ = stage::idle;
    return value_.take();
  }

 private:
  friend class channel;
  stage attempt() noexcept override { return stage_ = channel_.take(value_); }
  // Not in the coroutine, where it would make the wait for what is not there yet dearer.
  [[gnu::noinline]] void attempt_apart() noexcept { attempt(); }
  void enqueue(channel_selection& selection) noexcept override {
    selection_ = &selection;
    stage_ = stage::selectable;
    channel_.receivers_.push(*this);
  }
  const char* name() const noexcept override { return "receive"; }

  channel& channel_;
  value_room<T> value_;
};

}  // namespace gyre
