// A task lets the others run: into the ready queue, and out of it again. It is the only one.
#include <benchmark/benchmark.h>

#include <asio.hpp>
#include <boost/context/fiber.hpp>
#include <coroutine>
#include <utility>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/benchmarks/micro/run_state.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

class hand_yield : public hand::waiting {
 public:
  explicit hand_yield(hand::queue& ready) noexcept : ready_(ready) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    coroutine = awaiting;
    ready_.push(*this);
  }
  void await_resume() const noexcept {}

 private:
  hand::queue& ready_;
};

hand::task hand_body(benchmark::State& state, hand::queue& ready) {
  for (auto _ : state) co_await hand_yield(ready);
  co_return 0;
}

gyre::task<void> gyre_body(benchmark::State& state) {
  for (auto _ : state) co_await gyre::yield();
}

asio::awaitable<void> asio_body(benchmark::State& state) {
  for (auto _ : state) co_await asio::post(asio::use_awaitable);
}

// Out of the fiber and into it again, without a queue between.
void fiber(benchmark::State& state) {
  bool done = false;
  boost::context::fiber other([&done](boost::context::fiber&& caller) {
    while (!done) caller = std::move(caller).resume();
    return std::move(caller);
  });
  for (auto _ : state) other = std::move(other).resume();
  done = true;
  other = std::move(other).resume();
}

const row yield_row("yield", row_clock::cpu,
                    {{"hand", [](benchmark::State& state) { run_hand(hand_body, state); }},
                     {"gyre", [](benchmark::State& state) { run_gyre(gyre_body, state); }},
                     {"asio", [](benchmark::State& state) { run_asio(asio_body, state); }},
                     {"boost_context", fiber}});

}  // namespace
}  // namespace micro
