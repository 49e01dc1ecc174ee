#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <type_traits>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"

namespace gyre {

/// What every coroutine of Gyre knows: who awaits it, and the chain that it is part of.
class promise_base : public ready_node {
 public:
  await_chain& chain() const noexcept { return *chain_; }
  /// The coroutine that awaits this one; null at the top of a chain.
  promise_base* continuation() const noexcept { return chain_ ? continuation_ : nullptr; }
  /// Computed, not kept: who is resumed next would have to wait for one load more.
  std::coroutine_handle<> handle() const noexcept {
    return std::coroutine_handle<promise_base>::from_promise(const_cast<promise_base&>(*this));
  }
  /// Where it awaits, or did last; what it did not suspend for doesn't count.
  const await_location& awaits_at() const noexcept { return awaits_at_; }
  /// For awaiters that are no `suspension`.
  void set_awaits_at(await_location at) noexcept { awaits_at_ = at; }
  bool is_started() const noexcept { return chain_ != nullptr; }

  /// Makes this coroutine, whoever it was awaited by before, part of the chain of `awaiter`.
  void join_chain(promise_base& awaiter, await_location at) noexcept {
    continuation_ = &awaiter;
    // Between the two others: compilers would join those to one store of a vector, from which the
    // loads soon after get their halves late (a fifth of what a task costs).
    awaiter.awaits_at_ = at;
    chain_ = awaiter.chain_;
  }
  /// Makes it the first of a chain, in the latency class of whom it is begun by. `awaiter` goes on
  /// when it ends; where it is null the chain is told instead.
  void begin_chain(await_chain& chain, promise_base* awaiter) noexcept {
    check(!chain_, "a task was started twice");
    continuation_ = awaiter;
    chain_ = &chain;
    if (awaiter) {
      chain.class_index_ = awaiter->chain_->class_index_;
      return;
    }
    if (chain.home().follows_chains()) [[unlikely]]
      chain.home().chain_begins(chain);
  }

  /// Where control goes when this coroutine is to run now. A compiler that makes no tail call here
  /// (g++ below -O2, and under its sanitizers) deepens the stack with each transfer: so every so
  /// often the way leads through the ready queue.
  std::coroutine_handle<> transfer() noexcept {
    if (loop::take_hop()) [[likely]]
      return handle();
    return transfer_later();
  }
  /// The same, for those who have its handle at hand.
  std::coroutine_handle<> transfer(std::coroutine_handle<> handle) noexcept {
    if (loop::take_hop()) [[likely]]
      return handle;
    return transfer_later();
  }

  /// Where control goes when this coroutine has finished.
  std::coroutine_handle<> finish() noexcept {
    if (continuation_) [[likely]]
      return continuation_->transfer();
    return finish_chain();
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { chain_->keep_failure(std::current_exception()); }

  class final_awaiter {
   public:
    final_awaiter() noexcept {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().finish();
    }
    void await_resume() const noexcept {}
  };
  final_awaiter final_suspend() const noexcept { return {}; }

  static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
  static void operator delete(void* frame, std::size_t size) noexcept {
    frame_pool::deallocate(frame, size);
  }

 protected:
  promise_base() noexcept = default;
  ~promise_base() = default;

  /// To be called by the constructor of each promise. Where in a coroutine's frame its promise is
  /// depends on nothing but that one's alignment, and where in the promise this is, on nothing when
  /// it comes first: so the frame can be found from here.
  template <class Promise>
  static void check_place(Promise& promise) noexcept {
    static_assert(alignof(Promise) <= 2 * sizeof(void*),
                  "a coroutine can't give or yield what is aligned more strictly than its frame: "
                  "let it give a pointer");
    check(promise.handle() == std::coroutine_handle<Promise>::from_promise(promise),
          "the compiler lays out coroutines as Gyre doesn't expect");
  }

 private:
  friend class suspension;

  [[gnu::noinline, gnu::cold]] std::coroutine_handle<> transfer_later() noexcept {
    chain_->home().make_ready(*this);
    return std::noop_coroutine();
  }
  std::coroutine_handle<> finish_chain() noexcept {
    if (chain_->home().follows_chains()) [[unlikely]]
      return finish_followed_chain();
    chain_->finished();
    return std::noop_coroutine();
  }
  [[gnu::noinline, gnu::cold]] std::coroutine_handle<> finish_followed_chain() noexcept {
    chain_->home().chain_ends(*chain_);
    chain_->finished();
    return std::noop_coroutine();
  }

  // Not next to each other, so that they are not cleared by one store: see join_chain.
  await_chain* chain_ = nullptr;
  promise_base* continuation_;  // set with the chain
  await_location awaits_at_;
};

/// Anything that an operation can be awaited from.
template <class Promise>
concept gyre_promise = std::is_base_of_v<promise_base, Promise>;

void suspension::begin_wait(promise_base& waiter, await_location at) noexcept {
  await_chain& chain = *waiter.chain_;
  waiter.awaits_at_ = at;
  waiter_ = &waiter;
  chain.waiting_for_ = this;
  chain.waiting_since_ = chain.home_->stamp();
}

void suspension::end_wait() noexcept {
  if (waiter_) waiter_->chain_->waiting_for_ = nullptr;
}

void suspension::resume_waiter() noexcept {
  await_chain& chain = *waiter_->chain_;
  chain.waiting_for_ = nullptr;
  chain.home_->make_ready(*waiter_);
}

}  // namespace gyre
