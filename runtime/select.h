#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "gyre/runtime/channel.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// The wait of `select`. It refers to the waits it chooses from.
template <class... Waits>
class [[nodiscard]] select_wait final : private channel_selection {
 public:
  using selected_type = std::variant<typename Waits::selected_type...>;

  explicit select_wait(Waits&... waits) noexcept : waits_(waits...), each_{&waits...} {}
  ~select_wait() {
    check(!waiting_, "a task was destroyed while it waited: stop it and await its end");
  }

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    stopped_ = awaiting.promise().chain().stop_requested();
    if (stopped_ || attempt()) return false;
    begin_wait(awaiting.promise(), at);
    waiting_ = true;
    for (channel_wait* each : each_)
      if (each->stage_ == stage::idle) each->enqueue(*this);
    return true;
  }
  result<selected_type> await_resume() noexcept {
    end_wait();
    if (stopped_) return std::errc::operation_canceled;
    if (open_ == 0) return std::errc::broken_pipe;
    return selected<0>();
  }

 private:
  using stage = channel_wait::stage;
  static constexpr std::size_t count = sizeof...(Waits);

  /// The first that can be had at once; or all are closed. Who is asked first changes by one each
  /// time that something is had, so that one that always can be keeps none from its turn.
  bool attempt() noexcept {
    std::size_t turn = 0;
    for (const channel_wait* each : each_) turn += each->turns();
    for (std::size_t i = 0; i < count; ++i) {
      const stage now = each_[(turn + i) % count]->attempt();
      if (now == stage::ended) return true;
      if (now == stage::closed) --open_;
    }
    return open_ == 0;
  }

  void ended(channel_wait& wait) noexcept override {
    if (wait.stage_ == stage::closed && --open_ > 0) return;
    finish();
  }
  void finish() noexcept {
    waiting_ = false;
    for (channel_wait* each : each_) each->withdraw();
    resume_waiter();
  }
  void request_stop() noexcept override {
    if (!waiting_) return;
    stopped_ = true;
    finish();
  }
  const char* name() const noexcept override { return "select"; }

  template <std::size_t index>
  selected_type selected() noexcept {
    if constexpr (index + 1 < count)
      if (each_[index]->stage_ != stage::ended) return selected<index + 1>();
    return selected_type(std::in_place_index<index>, std::get<index>(waits_).selected());
  }

  std::tuple<Waits&...> waits_;
  std::array<channel_wait*, count> each_;
  std::size_t open_ = count;
  bool waiting_ = false;
  bool stopped_ = false;
};

/// Does one of several things at channels of this loop, whichever can be done first, and none of
/// the others: no value is taken, and none sent, but the one that is given (`when_any` would take
/// from each that has something at the time, and give one). When several can be done at once they
/// take turns. A channel that is closed (and empty, where it is received from) is left out; once
/// all are, the result is `broken_pipe`.
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

}  // namespace gyre
