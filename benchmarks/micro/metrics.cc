// What counting and measuring operations costs: the same with it and without. An echoed message is
// four operations, of the client and of the server, on Unix sockets.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>

#include "gyre/benchmarks/micro/rows.h"
#include "gyre/io/choose_backend.h"
#include "gyre/io/ring_ops.h"
#include "gyre/io/run.h"
#include "gyre/net/unix.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace micro {
namespace {

constexpr int depth = 128;

using message = std::array<std::byte, 64>;

gyre::task<void> nop(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(co_await gyre::op::nop());
}

gyre::task<void> follow(const bool& done) {
  while (!done) benchmark::DoNotOptimize(co_await gyre::op::nop());
}

gyre::task<void> nops(benchmark::State& state) {
  bool done = false;
  co_await gyre::with_scope([&](gyre::scope& scope) -> gyre::task<void> {
    for (int i = 1; i < depth; ++i) scope.spawn(follow(done));
    while (state.KeepRunningBatch(depth)) benchmark::DoNotOptimize(co_await gyre::op::nop());
    done = true;
  });
}

gyre::task<void> answer(gyre::unix_stream& client) {
  message received;
  while (true) {
    const auto got = co_await client.read_some(received);
    if (!got || *got == 0) co_return;
    (void)co_await client.write_all(std::span(received).first(*got));
  }
}

gyre::task<void> echo(benchmark::State& state) {
  auto [client, server] = gyre::unix_stream::pair().value();
  co_await gyre::with_scope([&](gyre::scope& scope) -> gyre::task<void> {
    scope.spawn(answer(server));
    message sent{};
    message received;
    for (auto _ : state) {
      (void)co_await client.write_all(sent);
      benchmark::DoNotOptimize(co_await client.read_some(received));
    }
    scope.request_stop();
  });
}

template <gyre::task<void> (*Body)(benchmark::State&), bool Measured>
void run_on_ring(benchmark::State& state) {
  gyre::run_options options;
  options.backend = gyre::backend_choice::uring;
  try {
    gyre::run(gyre::invoke([&]() -> gyre::task<void> {
                gyre::loop::current().metrics().measure(Measured);
                co_await Body(state);
              }),
              options);
  } catch (const gyre::backend_error& error) {
    state.SkipWithError(error.what());
  }
}

const row nop_row("metrics_nop_1", row_clock::cpu,
                  {{"off", run_on_ring<nop, false>}, {"gyre", run_on_ring<nop, true>}});
const row nops_row("metrics_nop_128", row_clock::cpu,
                   {{"off", run_on_ring<nops, false>}, {"gyre", run_on_ring<nops, true>}});
const row echo_row("metrics_echo", row_clock::cpu,
                   {{"off", run_on_ring<echo, false>}, {"gyre", run_on_ring<echo, true>}});

}  // namespace
}  // namespace micro
