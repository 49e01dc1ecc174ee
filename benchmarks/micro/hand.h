#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <utility>

/// Coroutines written by hand for these rows, with nothing that a row does not need: what the same
/// thing costs at least. No exceptions, no cancellation, no bound on the stack, one thread.
namespace micro::hand {

/// Memory for frames: one list of free blocks that are all of a size.
class frame_list {
 public:
  static void* take(std::size_t size) {
    if (size > block_size) std::abort();
    if (!free_) return ::operator new(block_size);
    return std::exchange(free_, free_->next);
  }
  static void give_back(void* frame) noexcept { free_ = ::new (frame) block{free_}; }

 private:
  struct block {
    block* next;
  };
  static constexpr std::size_t block_size = 256;
  static inline constinit thread_local block* free_ = nullptr;
};

class promise_base {
 public:
  static void* operator new(std::size_t size) { return frame_list::take(size); }
  static void operator delete(void* frame) noexcept { frame_list::give_back(frame); }
  std::suspend_always initial_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

/// A lazy coroutine that gives a number.
class task {
 public:
  class promise_type : public promise_base {
   public:
    task get_return_object() noexcept { return task(handle::from_promise(*this)); }
    void return_value(int value) noexcept { value_ = value; }

    class final_awaiter {
     public:
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> ended) const noexcept {
        return ended.promise().continuation_;
      }
      void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {}; }

   private:
    friend task;
    std::coroutine_handle<> continuation_ = std::noop_coroutine();
    int value_ = 0;
  };
  using handle = std::coroutine_handle<promise_type>;

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&&) = delete;
  ~task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  handle await_suspend(std::coroutine_handle<> awaiting) const noexcept {
    frame_.promise().continuation_ = awaiting;
    return frame_;
  }
  int await_resume() const noexcept { return frame_.promise().value_; }

  void start() const { frame_.resume(); }

 private:
  explicit task(handle frame) noexcept : frame_(frame) {}
  handle frame_;
};

/// What a coroutine stands in a queue by.
struct waiting {
  std::coroutine_handle<> coroutine;
  waiting* next = nullptr;
};

/// Coroutines to resume, in order.
class queue {
 public:
  void push(waiting& last) noexcept {
    last.next = nullptr;
    *end_ = &last;
    end_ = &last.next;
  }
  void run() {
    while (first_) {
      waiting& now = *first_;
      first_ = now.next;
      if (!first_) end_ = &first_;
      now.coroutine.resume();
    }
  }

 private:
  waiting* first_ = nullptr;
  waiting** end_ = &first_;
};

/// Runs `main`, and all that it puts into `ready`, to the end.
inline void run(const task& main, queue& ready) {
  main.start();
  ready.run();
}

/// How many coroutines have not ended, and who waits for that.
class join {
 public:
  explicit join(queue& ready) noexcept : ready_(ready) {}

  void begin() noexcept { ++running_; }
  void end() noexcept {
    if (--running_ == 0 && waiting_.coroutine) ready_.push(waiting_);
  }

  bool await_ready() const noexcept { return running_ == 0; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_.coroutine = awaiting; }
  void await_resume() const noexcept {}

  queue& ready() const noexcept { return ready_; }

 private:
  queue& ready_;
  std::size_t running_ = 0;
  waiting waiting_;
};

/// A coroutine that starts by itself, from the queue, and that a join waits for. Its first
/// parameter is that join.
class spawned {
 public:
  class promise_type : public promise_base {
   public:
    template <class... Parameters>
    explicit promise_type(join& join, const Parameters&...) noexcept : join_(join) {}
    spawned get_return_object() noexcept {
      waiting_.coroutine = std::coroutine_handle<promise_type>::from_promise(*this);
      join_.begin();
      join_.ready().push(waiting_);
      return {};
    }
    std::suspend_never final_suspend() const noexcept {
      join_.end();
      return {};
    }
    void return_void() const noexcept {}

   private:
    join& join_;
    waiting waiting_;
  };
};

}  // namespace micro::hand
