#pragma once

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/channel.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/reach.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/wait_queue.h"

namespace gyre {

/// Several waits, one of which is to be had. It refers to them.
template <class Wait, class... Waits>
class choice {
 public:
  using selected_type = std::variant<typename Waits::selected_type...>;

 protected:
  static constexpr std::size_t count = sizeof...(Waits);

  explicit choice(Waits&... waits) noexcept : waits_(waits...), each_{&waits...} {}
  ~choice() = default;

  /// Calls `attempt` with one after the other until it gives true. By chance one is the first, so
  /// that none is kept from its turn by one that always can be had.
  template <class Attempt>
  bool attempt_each(loop& home, Attempt attempt) noexcept {
    const std::size_t first = home.draw(count);
    for (std::size_t i = 0; i < count; ++i)
      if (attempt(*each_[(first + i) % count])) return true;
    return false;
  }

  /// What the one came to that has ended.
  template <std::size_t index = 0>
  selected_type selected() noexcept {
    if constexpr (index + 1 < count)
      if (each_[index]->stage_ != queued_wait::stage::ended) return selected<index + 1>();
    return selected_type(std::in_place_index<index>, std::get<index>(waits_).selected());
  }

  std::tuple<Waits&...> waits_;
  std::array<Wait*, count> each_;
};

/// The wait of `select` at channels of one loop.
template <class... Waits>
class [[nodiscard]] select_wait final : private channel_selection,
                                        private choice<channel_wait, Waits...> {
 public:
  using typename choice<channel_wait, Waits...>::selected_type;

  explicit select_wait(Waits&... waits) noexcept : choice<channel_wait, Waits...>(waits...) {}
  ~select_wait() {
    check(!waiting_, "a task was destroyed while it waited: stop it and await its end");
  }

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    await_chain& chain = awaiting.promise().chain();
    stopped_ = chain.stop_requested();
    if (stopped_ || attempt(chain.home())) return false;
    begin_wait(awaiting.promise(), at);
    waiting_ = true;
    for (channel_wait* each : this->each_)
      if (each->stage_ == stage::idle) each->enqueue(*this);
    return true;
  }
  result<selected_type> await_resume() noexcept {
    end_wait();
    if (stopped_) return std::errc::operation_canceled;
    if (open_ == 0) return std::errc::broken_pipe;
    return this->selected();
  }

 private:
  using stage = channel_wait::stage;

  /// The first that can be had at once; or all are closed.
  bool attempt(loop& home) noexcept {
    const bool had = this->attempt_each(home, [this](channel_wait& each) {
      const stage now = each.attempt();
      if (now == stage::closed) --open_;
      return now == stage::ended;
    });
    return had || open_ == 0;
  }

  void ended(channel_wait& wait) noexcept override {
    if (wait.stage_ != stage::ended && --open_ > 0) return;
    finish();
  }
  void finish() noexcept {
    waiting_ = false;
    for (channel_wait* each : this->each_) each->withdraw();
    resume_waiter();
  }
  void request_stop() noexcept override {
    if (!waiting_) return;
    stopped_ = true;
    finish();
  }
  const char* name() const noexcept override { return "select"; }

  std::size_t open_ = sizeof...(Waits);
  bool waiting_ = false;
  bool stopped_ = false;
};

/// The wait of `select` at channels between loops. What serves one of its waits sends that as a
/// message, and the others leave their queues when it arrives.
template <class... Waits>
class [[nodiscard]] cross_select_wait final : private cross_channel_selection,
                                              private choice<cross_channel_wait, Waits...> {
 public:
  using typename choice<cross_channel_wait, Waits...>::selected_type;

  explicit cross_select_wait(Waits&... waits) noexcept
      : cross_channel_selection(sizeof...(Waits)), choice<cross_channel_wait, Waits...>(waits...) {}

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    await_chain& chain = awaiting.promise().chain();
    stopped_ = chain.stop_requested();
    if (stopped_) return false;
    granted_waits granted;
    const all_locked inside(this->each_);
    if (attempt(chain.home(), granted)) {
      if (chain.home().take_immediate()) return false;
      (void)claim();  // for a stop meanwhile: it has ended
      begin_wait(awaiting.promise(), at);
      resume_waiter();
      return true;
    }
    for (cross_channel_wait* each : this->each_)
      if (each->stage_ == stage::idle) each->enqueue(*this, awaiting.promise(), at);
    begin_wait(awaiting.promise(), at);  // after theirs: a stop is asked of this
    return true;
  }
  result<selected_type> await_resume() noexcept {
    end_wait();
    if (stopped_) return std::errc::operation_canceled;
    if (all_closed()) return std::errc::broken_pipe;
    return this->selected();
  }

 private:
  using stage = queued_wait::stage;

  /// Holds the locks of all channels, which are locked in the order of their addresses.
  class all_locked {
   public:
    explicit all_locked(const std::array<cross_channel_wait*, sizeof...(Waits)>& waits) noexcept {
      for (std::size_t i = 0; i < waits.size(); ++i) locks_[i] = &waits[i]->lock();
      std::sort(locks_.begin(), locks_.end(), std::less<>());
      end_ = std::unique(locks_.begin(), locks_.end());
      for (auto each = locks_.begin(); each != end_; ++each) (*each)->lock();
    }
    all_locked(const all_locked&) = delete;
    all_locked& operator=(const all_locked&) = delete;
    ~all_locked() {
      for (auto each = locks_.begin(); each != end_; ++each) (*each)->unlock();
    }

   private:
    using locks = std::array<any_loop::lock*, sizeof...(Waits)>;
    locks locks_;
    typename locks::iterator end_;
  };

  /// The first that can be had at once; or all are closed.
  bool attempt(loop& home, granted_waits& granted) noexcept {
    bool over = false;
    const bool had = this->attempt_each(home, [&](cross_channel_wait& each) {
      const stage now = each.attempt(granted);
      if (now == stage::closed) over = close_one();
      return now == stage::ended;
    });
    return had || over;
  }

  void settle() noexcept override {
    for (cross_channel_wait* each : this->each_) {
      const std::lock_guard inside(each->lock());
      if (each->is_queued()) each->withdraw();
    }
  }
  void request_stop() noexcept override {
    if (!claim()) return;  // a message is on its way
    stopped_ = true;
    settle();
    resume_waiter();
  }
  const char* name() const noexcept override { return "select"; }

  bool stopped_ = false;
};

/// Does one of several things at channels of this loop, whichever can be done first, and none of
/// the others: no value is taken, and none sent, but the one that is given (`when_any` would take
/// from each that has something at the time, and give one). When several can be done at once, one
/// of them is, by chance, so that none is kept from its turn. A channel that is closed (and empty,
/// where it is received from) is left out; once all are, the result is `broken_pipe`.
///
///     auto got = co_await gyre::select(orders.receive(), results.send(std::move(next)));
///     if (!got) …                                 // all closed, or stopped
///     if (got->index() == 0) …std::get<0>(*got);  // received; else `next` was sent
///
/// The waits must be part of the same co_await expression. A stop of the task ends it with
/// `operation_canceled`; what was handed over before the stop is given.
template <class... Waits>
  requires(sizeof...(Waits) > 0 && (std::is_base_of_v<channel_wait, Waits> && ...))
select_wait<Waits...> select(Waits&&... waits) noexcept {
  return select_wait<Waits...>(waits...);
}

/// The same at cross_channels, whose values are moved while the locks of all of them are held.
template <class... Waits>
  requires(sizeof...(Waits) > 0 && (std::is_base_of_v<cross_channel_wait, Waits> && ...))
cross_select_wait<Waits...> select(Waits&&... waits) noexcept {
  return cross_select_wait<Waits...>(waits...);
}

}  // namespace gyre
