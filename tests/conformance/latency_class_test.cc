#include "gyre/runtime/latency_class.h"

#include <array>
#include <chrono>
#include <cstddef>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/fiber.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_class.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

task<> send_bytes(pipe& to, int count) {
  for (int i = 0; i < count; ++i)
    if (!co_await op::write(to.write_end, bytes_of("x"))) co_return;
}

GYRE_TEST(latency_classes, serve_who_waits_for_io_beside_those_who_are_always_ready) {
  const int bytes = times(20);
  const int tasks = times(200);
  pipe between = pipe::create(4096).value();
  latency_class batch("batch", 10);
  latency_class prompt("prompt", 1000);
  bool done = false;
  int received = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < tasks; ++i)
      children.spawn(batch, [&]() -> task<> {
        bool going_on = true;
        while (!done && going_on) going_on = co_await yield();
      });
    children.spawn(prompt, [&]() -> task<> {
      std::array<std::byte, 1> byte;
      for (; received < bytes; ++received)
        if (!co_await op::read(between.read_end, byte)) break;
      done = true;
    });
    children.spawn(prompt, send_bytes(between, bytes));
    co_return;
  });
  EXPECT_EQ(received, bytes);
  EXPECT_GE(batch.report().resumed, static_cast<unsigned>(tasks));
  EXPECT_EQ(batch.report().tasks, 0U);
  EXPECT_EQ(prompt.report().tasks, 0U);
}

GYRE_TEST(latency_classes, hold_for_fibers_and_what_they_spawn) {
  pipe between = pipe::create(4096).value();
  latency_class batch("batch", 10);
  std::array<std::byte, 1> byte;
  co_await with_class(batch, fiber([&] {
                        await(with_scope([&](scope& children) -> task<> {
                          children.spawn(send_bytes(between, 1));
                          EXPECT_EQ(batch.report().tasks, 3U);
                          co_return;
                        }));
                        EXPECT_EQ(await(op::read(between.read_end, byte)).value(), 1U);
                      }));
  EXPECT_EQ(batch.report().tasks, 0U);
  EXPECT_GE(batch.report().resumed, 3U);
}

GYRE_TEST(latency_classes, keep_no_stop_and_no_deadline_away) {
  pipe silent = pipe::create(4096).value();
  latency_class batch("batch", 10);
  std::array<std::byte, 1> byte;
  const auto read = [&]() -> task<result<std::size_t>> {
    co_return co_await op::read(silent.read_end, byte);
  };
  EXPECT_EQ((co_await with_timeout(with_class(batch, read()), 1ms)).error(), std::errc::timed_out);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await with_class(batch, read())).error(), std::errc::operation_canceled);
      EXPECT_TRUE(co_await with_class(batch, shield(op::write(silent.write_end, bytes_of("x")))));
      EXPECT_EQ((co_await shield(with_class(batch, read()))).value(), 1U);
    });
    children.spawn(batch, [&]() -> task<> {
      EXPECT_EQ((co_await sleep_for(1h)).error(), std::errc::operation_canceled);
    });
    co_await yield();
    children.request_stop();
  });
}

}  // namespace
}  // namespace gyre::conformance
