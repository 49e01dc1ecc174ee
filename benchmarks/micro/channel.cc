// A value goes to another task of the loop by one channel, and comes back by a second.
#include "gyre/runtime/channel.h"

#include <benchmark/benchmark.h>

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <coroutine>
#include <exception>
#include <utility>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

/// Room for one value and one receiver.
class hand_slot {
 public:
  explicit hand_slot(hand::queue& ready) noexcept : ready_(ready) {}
  void send(int value) noexcept {
    value_ = value;
    full_ = true;
    if (waiting_.coroutine) ready_.push(waiting_);
  }
  bool await_ready() const noexcept { return full_; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_.coroutine = awaiting; }
  int await_resume() noexcept {
    waiting_.coroutine = nullptr;
    full_ = false;
    return value_;
  }

 private:
  hand::queue& ready_;
  hand::waiting waiting_;
  int value_ = 0;
  bool full_ = false;
};

hand::spawned hand_echo(hand::join&, hand_slot& there, hand_slot& back) {
  while (const int value = co_await there) back.send(value);
}

hand::task hand_body(benchmark::State& state, hand::queue& ready) {
  hand::join echo(ready);
  hand_slot there(ready);
  hand_slot back(ready);
  hand_echo(echo, there, back);
  for (auto _ : state) {
    there.send(1);
    benchmark::DoNotOptimize(co_await back);
  }
  there.send(0);
  co_await echo;
  co_return 0;
}

gyre::task<void> gyre_echo(gyre::channel<int>& there, gyre::channel<int>& back) {
  while (auto value = co_await there.receive()) (void)co_await back.send(*value);
}

gyre::task<void> gyre_body(benchmark::State& state) {
  gyre::channel<int> there(1);
  gyre::channel<int> back(1);
  co_await gyre::with_scope([&](gyre::scope& scope) -> gyre::task<void> {
    scope.spawn(gyre_echo(there, back));
    for (auto _ : state) {
      int one = 1;
      (void)co_await there.send(one);
      benchmark::DoNotOptimize(co_await back.receive());
    }
    there.close();
  });
}

using asio_channel = asio::experimental::channel<void(asio::error_code, int)>;

asio::awaitable<void> asio_echo(asio_channel& there, asio_channel& back) {
  while (const int value = co_await there.async_receive(asio::use_awaitable))
    co_await back.async_send(asio::error_code(), value, asio::use_awaitable);
}

asio::awaitable<void> asio_body(benchmark::State& state) {
  const auto executor = co_await asio::this_coro::executor;
  asio_channel there(executor, 1);
  asio_channel back(executor, 1);
  bool ended = false;
  asio::co_spawn(executor, asio_echo(there, back),
                 [&](const std::exception_ptr&) { ended = true; });
  for (auto _ : state) {
    co_await there.async_send(asio::error_code(), 1, asio::use_awaitable);
    benchmark::DoNotOptimize(co_await back.async_receive(asio::use_awaitable));
  }
  co_await there.async_send(asio::error_code(), 0, asio::use_awaitable);
  while (!ended) co_await asio::post(asio::use_awaitable);
}

const row channel_row("channel_round_trip", row_clock::cpu,
                      {{"hand", [](benchmark::State& state) { run_hand(hand_body, state); }},
                       {"gyre", [](benchmark::State& state) { run_gyre(gyre_body, state); }},
                       {"asio", [](benchmark::State& state) { run_asio(asio_body, state); }}});

}  // namespace
}  // namespace micro
