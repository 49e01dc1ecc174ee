#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"

namespace gyre {

/// A coroutine that gives values by co_yield, and may await between them. It runs only while its
/// `next` is awaited, as a part of the chain of the task that awaits that: a stop or a deadline of
/// this reaches what it waits for.
///
///     gyre::async_generator<line> lines(gyre::tcp_stream& stream);
///     …
///     auto all = lines(stream);
///     while (auto each = co_await all.next()) use(*each);
///
/// It may be destroyed whenever `next` is not awaited: nothing is in flight then. Parameters are
/// kept in its frame; references must outlive it.
template <class T>
class [[nodiscard]] async_generator {
 public:
  class promise_type;
  class next_wait;

  async_generator(async_generator&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)) {}
  async_generator& operator=(async_generator&& other) noexcept {
    async_generator moved(std::move(other));
    std::swap(frame_, moved.frame_);
    return *this;
  }
  ~async_generator() {
    if (!frame_) return;
    check(!frame_.promise().awaited_,
          "an async_generator was destroyed while its next() was awaited: stop that first");
    frame_.destroy();
  }

  /// Runs on to the next co_yield and gives its value, or nullopt at the end; throws what the
  /// coroutine threw, which is its end. For one task at a time.
  next_wait next() noexcept {
    check(static_cast<bool>(frame_), "next() of an empty async_generator was called");
    return next_wait(frame_.promise());
  }

 private:
  explicit async_generator(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
class async_generator<T>::promise_type final : public promise_base {
 public:
  promise_type() noexcept { check_place(*this); }
  async_generator get_return_object() noexcept {
    return async_generator(std::coroutine_handle<promise_type>::from_promise(*this));
  }
  /// Keeps the value until its `next` goes on.
  template <std::convertible_to<T> Value>
  final_awaiter yield_value(Value&& value) {
    value_.emplace(std::forward<Value>(value));
    return {};
  }
  void return_void() noexcept { ended_ = true; }
  void unhandled_exception() noexcept {
    ended_ = true;
    value_.reset();
    failure_ = std::current_exception();
  }

 private:
  friend async_generator;
  friend next_wait;
  std::optional<T> value_;
  std::exception_ptr failure_;
  bool awaited_ = false;
  bool ended_ = false;
};

/// The wait of `next`.
template <class T>
class [[nodiscard]] async_generator<T>::next_wait {
 public:
  explicit next_wait(promise_type& generator) noexcept : generator_(generator) {}

  bool await_ready() const noexcept {
    check(!generator_.awaited_, "next() of an async_generator was awaited by two tasks at once");
    return generator_.ended_;
  }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    generator_.awaited_ = true;
    generator_.join_chain(awaiting.promise(), at);
    return generator_.transfer();
  }
  std::optional<T> await_resume() {
    generator_.awaited_ = false;
    if (generator_.failure_) [[unlikely]]
      std::rethrow_exception(std::exchange(generator_.failure_, nullptr));
    return std::exchange(generator_.value_, std::nullopt);
  }

 private:
  promise_type& generator_;
};

}  // namespace gyre
