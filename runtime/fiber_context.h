#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <coroutine>
#include <cstddef>
#include <cstring>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/awaitable.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/fiber_sanitizers.h"
#include "gyre/runtime/fiber_stack.h"
#include "gyre/runtime/task.h"

namespace gyre::detail {

/// A function that runs on a stack of its own, for a coroutine that is its carrier: the carrier
/// enters it, and when it has to wait it leaves, which suspends the carrier in its place. Lives in
/// the carrier's frame.
class fiber_context {
 public:
  using carrier_handle = std::coroutine_handle<task<>::promise_type>;

  /// `function` has to be there until it has ended; `stack_size` as of `fiber_stack`.
  template <class Function>
  fiber_context(Function& function, std::size_t stack_size)
      : fiber_context(stack_size, &function,
                      [](void* called) { (*static_cast<Function*>(called))(); }) {}
  fiber_context(const fiber_context&) = delete;
  fiber_context& operator=(const fiber_context&) = delete;
  ~fiber_context() {
    check(!stack_, "a fiber was destroyed before it had ended: stop it and await its end");
  }

  /// The one that runs now.
  static fiber_context& current() noexcept {
    check(current_ != nullptr,
          "await() was called outside of a fiber: in a coroutine, write co_await");
    return *current_;
  }

  /// Awaited by the carrier: before it enters for the first time, so that it is known, and each
  /// time that the function has left.
  class waits {
   public:
    explicit waits(fiber_context& fiber) noexcept : fiber_(fiber) {}
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(carrier_handle) const noexcept { return fiber_.next_; }
    void await_resume() const noexcept {}

   private:
    fiber_context& fiber_;
  };
  class known {
   public:
    explicit known(fiber_context& fiber) noexcept : fiber_(fiber) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(carrier_handle carrier) const noexcept {
      fiber_.carrier_ = carrier;
      return false;
    }
    void await_resume() const noexcept {}

   private:
    fiber_context& fiber_;
  };

  /// By the carrier: goes on with the function until it has to wait, then the carrier has to await
  /// `waits`, or until it has ended, which gives false.
  bool enter() noexcept {
    check(here_ == &current_, "a fiber went on on another thread than where it began");
    exceptions::exchange(*of_thread_, of_other_side_);
    current_ = this;
    carrier_side_.leave_for(own_side_);
    there_ = boost::context::detail::jump_fcontext(there_, this).fctx;
    carrier_side_.arrive_from(own_side_);
    current_ = nullptr;
    exceptions::exchange(*of_thread_, of_other_side_);
    if (!ended_) [[likely]]
      return true;
    give_stack_back();
    return false;
  }
  /// What the function threw, once it has ended.
  void rethrow_failure() {
    if (failure_) [[unlikely]]
      std::rethrow_exception(std::move(failure_));
  }

  /// By the function: begins the wait for what is not ready, and returns when it is over.
  template <class Awaiter>
  void wait_for(Awaiter& awaiter, await_location at) {
    // The carrier stands for a suspended coroutine though it runs still, below enter(): what is
    // awaited lets it go on by the ready queue, or by the handle that is returned here.
    using suspended = decltype(suspend(awaiter, carrier_, at));
    if constexpr (std::is_void_v<suspended>) {
      suspend(awaiter, carrier_, at);
      leave(std::noop_coroutine());
    } else if constexpr (std::is_same_v<suspended, bool>) {
      if (suspend(awaiter, carrier_, at)) leave(std::noop_coroutine());
    } else {
      leave(suspend(awaiter, carrier_, at));
    }
  }

 private:
  /// What the C++ runtime keeps of a thread's exceptions (Itanium C++ ABI, 2.2.2): a fiber that
  /// waits in a handler, or while it is unwound, has its own.
  class exceptions {
   public:
    constexpr exceptions() noexcept = default;

    /// Padding and all, in one piece: what is stored in two and loaded in one has to wait in the
    /// processor until it has come to the cache.
    static void exchange(exceptions& one, exceptions& other) noexcept {
      exceptions kept;
      std::memcpy(&kept, &one, sizeof kept);
      std::memcpy(&one, &other, sizeof kept);
      std::memcpy(&other, &kept, sizeof kept);
    }

    void* caught = nullptr;
    unsigned uncaught = 0;
  };

  fiber_context(std::size_t stack_size, void* function, void (*call)(void*));
  static void begin(boost::context::detail::transfer_t from) noexcept;
  void call() noexcept;
  void give_stack_back() noexcept;

  // Switches are inline, as enter() is: a processor guesses wrong where each return leads that is
  // made on another stack than the call.
  void leave(std::coroutine_handle<> next) noexcept {
    next_ = next;
    own_side_.leave_for(carrier_side_);
    there_ = boost::context::detail::jump_fcontext(there_, nullptr).fctx;
    own_side_.arrive_from(carrier_side_);
  }

  static inline constinit thread_local fiber_context* current_ = nullptr;

  void* there_;                             ///< where control goes with the next switch
  fiber_context* const* here_ = &current_;  ///< of the thread where it began
  carrier_handle carrier_;
  std::coroutine_handle<> next_;
  exceptions* of_thread_;
  exceptions of_other_side_;  ///< of the side that does not run
  std::exception_ptr failure_;
  void (*call_)(void*);
  void* function_;
  bool ended_ = false;
  std::optional<fiber_stack> stack_;  ///< until it has ended
  [[no_unique_address]] switched_side carrier_side_;
  [[no_unique_address]] switched_side own_side_;
};

}  // namespace gyre::detail
