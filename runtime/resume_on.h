#pragma once

#include <coroutine>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <utility>

#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/inbox.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// The wait of `resume_on`.
class [[nodiscard]] resume_on_awaiter final : private suspension {
 public:
  /// It ends on another loop than that of a deadline around it, which so can't be.
  static constexpr bool leaves_loop = true;

  explicit resume_on_awaiter(loop& to) noexcept : to_(to) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return set_out(awaiting.promise(), at);
  }
  result<void> await_resume() noexcept {
    end_wait();
    if (error_) return error_;
    return {};
  }

 private:
  friend class detail::traveller;
  bool set_out(promise_base& waiter, await_location at) noexcept;
  void request_stop() noexcept override {}
  const char* name() const noexcept override { return "resume_on"; }

  loop& to_;
  std::error_code error_;
};

namespace detail {

/// A chain that goes from loop to loop, and the wait for it on the loop that it began on, its home.
/// On each other loop a task of the root scope stands for it while it is there: so that loop does
/// not end meanwhile, and can stop it.
///
/// It leaves a loop by a message to that loop: when that is delivered none of its coroutines is on
/// the thread's stack.
class traveller : protected task_wait, protected await_chain, private message {
 public:
  traveller* as_traveller() noexcept final { return this; }

  /// From one of its coroutines, which is about to be suspended.
  void leave_for(resume_on_awaiter& trip) noexcept;

 protected:
  explicit traveller(loop& home) noexcept : await_chain(home), home_(home), at_(&home) {}
  ~traveller();

  /// To be called before its first coroutine, `first`, runs.
  void set_out(promise_base& waiter, const promise_base& first, await_location at) noexcept;

 private:
  enum class leg : std::uint8_t { leaving, arriving, returning };

  /// Its stay on a loop that is not its home.
  class stay;
  /// Carries a request to stop to where it is.
  class stop_message final : public message {
   public:
    explicit stop_message(traveller& stopped) noexcept : stopped_(stopped) {}

   private:
    void delivered() noexcept override { stopped_.stop_arrived(); }
    traveller& stopped_;
  };

  task<void> stand_for_it();
  void leave() noexcept;
  void arrive() noexcept;
  void arrive_at(loop& here, bool stopped) noexcept;
  void turn_back(std::errc why) noexcept;
  void stop_arrived() noexcept;

  void finished() noexcept final;
  void delivered() noexcept final;
  void discarded() noexcept final;
  void stop_tasks() noexcept final;
  const char* name() const noexcept final { return "travel"; }
  bool is_local() const noexcept final { return false; }
  /// While it is at home; elsewhere what stands for it tells of it.
  void visit_children(chain_visitor& visitor) const final;
  void visit_itself(chain_visitor& visitor) const;

  loop& home_;
  const promise_base* first_ = nullptr;
  // Of the thread that it is on.
  stay* stay_ = nullptr;
  resume_on_awaiter* trip_ = nullptr;  // null once it is over
  loop* next_ = nullptr;
  leg leg_ = leg::leaving;
  bool leaves_after_stop_ = false;
  stop_message stop_message_{*this};

  mutable std::mutex mutex_;  // guards all that follows
  loop* at_;                  // null on the way
  bool stop_wanted_ = false;
  bool stop_on_its_way_ = false;
  bool over_ = false;
};

}  // namespace detail

/// The wait of `travel`.
template <class T>
class [[nodiscard]] travel_awaiter final : private detail::traveller {
 public:
  explicit travel_awaiter(task<T> work) noexcept
      : traveller(loop::current()), work_(std::move(work)) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting,
                                        await_location at = await_location::current()) noexcept {
    auto& coroutine = work_.coroutine();
    coroutine.begin_chain(*this, nullptr);
    set_out(awaiting.promise(), coroutine, at);
    return coroutine.transfer();
  }
  T await_resume() {
    end_wait();
    return work_.coroutine().take();
  }

 private:
  task<T> work_;
};

/// Awaits `work`, which begins here and may go on elsewhere by `resume_on`; the awaiting task goes
/// on here, wherever that ended. It is a chain of its own. A stop of the awaiting task follows it
/// to where it is, and so does a stop of the loop that it is on, which does not end before it has
/// left. Its coroutine frames and its value are destroyed here.
template <class T>
travel_awaiter<T> travel(task<T> work) noexcept {
  return travel_awaiter<T>(std::move(work));
}

/// Goes on on the loop `to`, as do all that await this coroutine, up to `travel` or `spawn_on`: a
/// programmer error in tasks that were begun otherwise, and inside of what bounds, shields or joins
/// tasks, whose loop has no part in the journey.
///
///     co_await gyre::travel(gyre::invoke([&]() -> gyre::task<> {
///       for (unsigned core = 0; core < cores.count(); ++core) {
///         if (!co_await gyre::resume_on(cores.at(core))) break;
///         …                                            // here `core` is the loop of this thread
///       }
///     }));
///
/// What belongs to the loop that is left (descriptors, operations, locks, scopes) must not be used
/// from the other. A stop does not end this, so that a task can put in order what it has where that
/// belongs. `operation_canceled` when `to` has ended: the task is then on the loop where its
/// journey began. `to` must exist, and either run or be destroyed, before it can come there.
inline resume_on_awaiter resume_on(loop& to) noexcept {
  return resume_on_awaiter(to);
}

namespace detail {

inline task<void> travel_along(task<void> work) {
  co_await travel(std::move(work));
}

/// Spawns a task where it is called.
class spawning {
 public:
  explicit spawning(task<void> work) noexcept : work_(std::move(work)) {}
  void operator()() { spawn(std::move(work_)); }

 private:
  task<void> work_;
};

}  // namespace detail

/// Spawns `work` into the root scope of the loop `target`, as `spawn` does here, and gives success
/// once that is done; `operation_canceled`, and `work` is dropped unstarted, when the awaiting task
/// was asked to stop or the main task of `target` has ended. `work` may go on elsewhere by
/// `resume_on`; it ends on `target`.
///
/// The frame of `work` goes back to the pool of another thread than it came from. Where that is
/// done often, let the other loop make the task: `submit_to(target, [] { gyre::spawn(work()); })`.
inline submit_to_awaiter<detail::spawning> spawn_on(loop& target, task<void> work) {
  return {target, detail::spawning(detail::travel_along(std::move(work)))};
}

}  // namespace gyre
