#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/value_ring.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Carries values between tasks of any loops, as `channel` does between those of one: bounded, any
/// number on each side, in order, first come first served on both sides, and nothing allocated for
/// a wait. Whoever serves a task that waits posts a message to its loop, which is woken only when
/// it sleeps; while neither side waits no message is sent at all. A lock is held for as long as a
/// value takes to move, so values should move cheaply.
///
/// All of it may be used from any thread at any time; `send` and `receive` by tasks, the others by
/// threads without a loop too. Must outlive all calls and waits.
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
  result<void> try_send(T&& value) noexcept {
    return attempt_result(offer(&value, [] { return stage::idle; }));
  }
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
    const auto attempted = attempt_result(take(value, [] { return stage::idle; }));
    if (!attempted) return attempted.error();
    return *std::move(value);
  }

  /// Nothing is sent from here on: senders that wait get `broken_pipe` and keep their values, and
  /// receivers get it when no value is left. Idempotent.
  void close() noexcept {
    wait_queue<place> refused;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      for (wait_queue<place>* queue : {&senders_, &receivers_})
        while (!queue->empty()) {
          place& first = queue->first();
          first.leave(stage::closed);
          refused.push(first);
        }
    }
    // Each may end the task that owns the channel, so that is not looked at any more.
    while (!refused.empty()) {
      place& first = refused.first();
      first.leave_queue();
      first.wake();
    }
  }
  bool is_closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  std::size_t capacity() const noexcept { return buffer_.capacity(); }
  /// How many values it holds at the moment.
  std::size_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return buffer_.size();
  }

 private:
  enum class stage : std::uint8_t { idle, queued, ended, stopped, closed };

  /// A task that waits. What its stage is and in which queue it stands is said under the lock.
  class place : protected suspension, public wait_place, private message {
   public:
    /// Under the lock.
    void leave(stage stage) noexcept {
      leave_queue();
      stage_ = stage;
    }
    void stand_in(wait_queue<place>& queue) noexcept {
      queue.push(*this);
      stage_ = stage::queued;
    }
    /// Lets the task go on, after `leave` and from any thread. It may be gone on return.
    void wake() noexcept { home_->post(*this); }
    using wait_place::leave_queue;

   protected:
    friend class cross_channel;
    explicit place(cross_channel& channel) noexcept : channel_(channel) {}
    ~place() {
      check(stage_ != stage::queued,
            "a task was destroyed while it waited: stop it and await its end");
    }

    /// False when the chain was asked to stop: then this has ended.
    bool begin(promise_base& awaiting, await_location at) noexcept {
      begin_wait(awaiting, at);
      home_ = &awaiting.chain().home();
      if (!awaiting.chain().stop_requested()) return true;
      stage_ = stage::stopped;
      return false;
    }
    std::error_code failure() const noexcept {
      return std::make_error_code(stage_ == stage::stopped ? std::errc::operation_canceled
                                                           : std::errc::broken_pipe);
    }

    cross_channel& channel_;
    loop* home_ = nullptr;
    stage stage_ = stage::idle;

   private:
    void delivered() noexcept override { resume_waiter(); }
    void request_stop() noexcept override {
      {
        const std::lock_guard lock(channel_.mutex_);
        if (stage_ != stage::queued) return;  // a message is on its way
        leave(stage::stopped);
      }
      resume_waiter();
    }
  };

  static result<void> attempt_result(stage stage) noexcept {
    if (stage == stage::ended) return {};
    return stage == stage::closed ? std::errc::broken_pipe
                                  : std::errc::resource_unavailable_try_again;
  }

  /// Where it can't be done now, `otherwise` says under the lock what comes instead.
  template <class Otherwise>
  stage offer(T* value, Otherwise otherwise) noexcept {
    receive_wait* receiver = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return stage::closed;
      if (!receivers_.empty()) {
        receiver = static_cast<receive_wait*>(&receivers_.first());
        receiver->value_.emplace(std::move(*value));
        receiver->leave(stage::ended);
      } else if (!buffer_.full()) {
        buffer_.push(std::move(*value));
      } else {
        return otherwise();
      }
    }
    if (receiver) receiver->wake();
    return stage::ended;
  }

  template <class Otherwise>
  stage take(std::optional<T>& value, Otherwise otherwise) noexcept {
    send_wait* sender = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (!senders_.empty()) {
        sender = static_cast<send_wait*>(&senders_.first());
        sender->leave(stage::ended);
      }
      if (!buffer_.empty()) {
        value.emplace(buffer_.pop());
        if (sender) buffer_.push(std::move(*sender->value_));
      } else if (sender) {
        value.emplace(std::move(*sender->value_));
      } else {
        return closed_ ? stage::closed : otherwise();
      }
    }
    if (sender) sender->wake();
    return stage::ended;
  }

  mutable std::mutex mutex_;
  wait_queue<place> senders_;
  wait_queue<place> receivers_;
  value_ring<T> buffer_;
  bool closed_ = false;
};

/// A wait to send what another owns.
template <class T>
class [[nodiscard]] cross_channel<T>::send_wait : public place {
 public:
  send_wait(cross_channel& channel, T* value) noexcept : place(channel), value_(value) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    if (!this->begin(awaiting.promise(), at)) return false;
    const stage attempted = this->channel_.offer(value_, [this] {
      this->stand_in(this->channel_.senders_);
      return stage::queued;
    });
    // One that stands in the queue may have ended already: its stage is not ours to write.
    if (attempted == stage::queued) return true;
    this->stage_ = attempted;
    return false;
  }
  result<void> await_resume() noexcept {
    this->end_wait();
    if (this->stage_ != stage::ended) return this->failure();
    return {};
  }

 private:
  friend class cross_channel;
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
  explicit receive_wait(cross_channel& channel) noexcept : place(channel) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    if (!this->begin(awaiting.promise(), at)) return false;
    const stage attempted = this->channel_.take(value_, [this] {
      this->stand_in(this->channel_.receivers_);
      return stage::queued;
    });
    if (attempted == stage::queued) return true;
    this->stage_ = attempted;
    return false;
  }
  result<T> await_resume() noexcept {
    this->end_wait();
    if (this->stage_ != stage::ended) return this->failure();
    return *std::move(value_);
  }

 private:
  friend class cross_channel;
  const char* name() const noexcept override { return "receive"; }

  std::optional<T> value_;
};

}  // namespace gyre
