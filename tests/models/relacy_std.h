#pragma once

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <source_location>
#include <thread>
#include <type_traits>
#include <utility>

// Not <relacy/relacy.hpp>, which makes macros of new, errno, sched_yield and others; and the first
// three in this order.
#include <relacy/base.hpp>
//
#include <relacy/context.hpp>
//
#include <relacy/context_base_impl.hpp>
//
#include <relacy/atomic.hpp>
#include <relacy/backoff.hpp>
#include <relacy/dyn_thread.hpp>
#include <relacy/stdlib/condition_variable.hpp>
#include <relacy/stdlib/event.hpp>
#include <relacy/stdlib/mutex.hpp>
#include <relacy/test_suite.hpp>
#include <relacy/var.hpp>
#undef $

#include "gyre/tests/models/weakening.h"

/// What the sources of Gyre find when they say `std`, where this comes before them in a source
/// file: atomics, locks and threads are Relacy's, all else is the standard library's. So a model
/// is made of the product's own code, and can't be at variance with it: it includes the .cc files
/// that it is about, and links none of them.
namespace gyre::std {

using namespace ::std;

inline rl::debug_info place(const source_location& at) noexcept {
  return {at.function_name(), at.file_name(), static_cast<unsigned>(at.line())};
}

inline rl::memory_order order_at(const source_location& at, memory_order order,
                                 model::outcome when = model::done) noexcept {
  switch (model::places::pass({at.file_name(), at.line(), at.column(), when, order})) {
    case memory_order_relaxed:
      return rl::mo_relaxed;
    case memory_order_consume:
      return rl::mo_consume;
    case memory_order_acquire:
      return rl::mo_acquire;
    case memory_order_release:
      return rl::mo_release;
    case memory_order_acq_rel:
      return rl::mo_acq_rel;
    case memory_order_seq_cst:
      return rl::mo_seq_cst;
  }
  return rl::mo_seq_cst;
}

template <class T>
class atomic {
 public:
  atomic(T value) noexcept : word_(word_of(value)) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  T load(memory_order order, source_location at = source_location::current()) const noexcept {
    return value_of(word_(place(at)).load(order_at(at, order)));
  }
  void store(T value, memory_order order,
             source_location at = source_location::current()) noexcept {
    word_(place(at)).store(word_of(value), order_at(at, order));
  }
  T exchange(T value, memory_order order,
             source_location at = source_location::current()) noexcept {
    return value_of(word_(place(at)).exchange(word_of(value), order_at(at, order)));
  }
  T fetch_add(T value, memory_order order,
              source_location at = source_location::current()) noexcept {
    return value_of(word_(place(at)).fetch_add(word_of(value), order_at(at, order)));
  }
  bool compare_exchange_strong(T& expected, T value, memory_order success, memory_order failure,
                               source_location at = source_location::current()) noexcept {
    return exchanged(expected, [&](word& seen) {
      return word_(place(at)).compare_exchange_strong(seen, word_of(value), order_at(at, success),
                                                      order_at(at, failure, model::failed));
    });
  }
  bool compare_exchange_strong(T& expected, T value, memory_order order,
                               source_location at = source_location::current()) noexcept {
    return exchanged(expected, [&](word& seen) {
      return word_(place(at)).compare_exchange_strong(seen, word_of(value), order_at(at, order));
    });
  }
  bool compare_exchange_weak(T& expected, T value, memory_order success, memory_order failure,
                             source_location at = source_location::current()) noexcept {
    return exchanged(expected, [&](word& seen) {
      return word_(place(at)).compare_exchange_weak(seen, word_of(value), order_at(at, success),
                                                    order_at(at, failure, model::failed));
    });
  }

 private:
  using word = ::std::uintptr_t;

  static word word_of(T value) noexcept {
    if constexpr (is_pointer_v<T>)
      return reinterpret_cast<word>(value);
    else
      return static_cast<word>(value);
  }
  static T value_of(word value) noexcept {
    if constexpr (is_pointer_v<T>)
      return reinterpret_cast<T>(value);
    else
      return static_cast<T>(value);
  }
  template <class Exchange>
  static bool exchanged(T& expected, Exchange exchange) noexcept {
    word seen = word_of(expected);
    const bool done = exchange(seen);
    expected = value_of(seen);
    return done;
  }

  mutable rl::atomic<word> word_;
};

class mutex {
 public:
  void lock() noexcept { mutex_.lock(place(source_location::current())); }
  void unlock() noexcept { mutex_.unlock(place(source_location::current())); }

 private:
  rl::mutex mutex_;
};

class condition_variable {
 public:
  void notify_one() noexcept { condition_.notify_one(place(source_location::current())); }
  void notify_all() noexcept { condition_.notify_all(place(source_location::current())); }
  void wait(unique_lock<mutex>& lock) noexcept {
    relocked inner(lock);
    condition_.wait(inner, place(source_location::current()));
  }

 private:
  class relocked {
   public:
    explicit relocked(unique_lock<mutex>& lock) noexcept : lock_(lock) {}
    void lock(const rl::debug_info&) noexcept { lock_.lock(); }
    void unlock(const rl::debug_info&) noexcept { lock_.unlock(); }

   private:
    unique_lock<mutex>& lock_;
  };

  rl::condition_variable condition_;
};

/// A suite says by `dynamic_thread_count` how many there may be.
class thread {
 public:
  using native_handle_type = int;

  template <class Function>
  explicit thread(Function work) : state_(make_unique<state>()) {
    state_->work = std::move(work);
    state_->thread.start(run, state_.get());
  }
  void join() noexcept { state_->thread.join(); }
  bool joinable() const noexcept { return state_ != nullptr; }
  native_handle_type native_handle() const noexcept { return 0; }

 private:
  struct state {
    function<void()> work;
    rl::dyn_thread thread;
  };
  static void* run(void* begun) {
    static_cast<state*>(begun)->work();
    return nullptr;
  }

  unique_ptr<state> state_;
};

}  // namespace gyre::std

namespace gyre {

inline int sched_yield() noexcept {
  rl::yield(1, std::place(std::source_location::current()));
  return 0;
}

inline int pthread_setname_np(std::thread::native_handle_type, const char*) noexcept {
  return 0;
}

}  // namespace gyre
