#include "gyre/runtime/operation_metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

const operation_metrics& of_requests(fake_world& world) {
  const operation_metrics* found = world.home.metrics().find(request::kind);
  check(found != nullptr, "no request was counted");
  return *found;
}

task<> await_one() {
  (void)co_await request();
}

TEST(operation_metrics, tell_the_time_to_the_end_from_that_to_the_resumption) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(await_one());
      co_await yield();
      world.kernel.advance(5us);
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      world.kernel.advance(70ns);
    });
  }));
  const operation_metrics& metrics = of_requests(world);
  EXPECT_EQ(metrics.started(), 1U);
  EXPECT_EQ(metrics.latency().count(), 1U);
  EXPECT_EQ(metrics.latency().sum(), 5us);
  EXPECT_EQ(metrics.resumption().count(), 1U);
  EXPECT_EQ(metrics.resumption().sum(), 70ns);
  const std::string text = world.home.metrics().text();
  EXPECT_TRUE(text.starts_with("request: 1 started, 0 failed, 0 cancelled, took p50 5.12 us"))
      << text;
}

TEST(operation_metrics, know_failures_from_cancellations) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i) children.spawn(await_one());
      co_await yield();
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      world.kernel.finish(*world.kernel.in_flight().front(), -ECONNRESET);
      children.request_stop();
    });
  }));
  EXPECT_EQ(of_requests(world).started(), 3U);
  EXPECT_EQ(of_requests(world).failed(), 1U);
  EXPECT_EQ(of_requests(world).cancelled(), 1U);
}

TEST(operation_metrics, count_what_ends_at_once_but_no_resumption_of_it) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(await_one());
  EXPECT_EQ(of_requests(world).started(), 1U);
  EXPECT_EQ(of_requests(world).latency().count(), 1U);
  EXPECT_EQ(of_requests(world).resumption().count(), 0U);
}

// Those that are measured stand for all but the last few.
TEST(operation_metrics, count_each_and_measure_some_at_random) {
  fake_world world;
  world.kernel.at_once = true;
  constexpr std::uint64_t count = 1'000'000;
  world.run(invoke([]() -> task<> {
    for (std::uint64_t i = 0; i < count; ++i) (void)co_await request();
  }));
  EXPECT_EQ(of_requests(world).started(), count);
  EXPECT_LE(of_requests(world).latency().count(), count);
  EXPECT_GT(of_requests(world).latency().count(), count - 256);
}

TEST(operation_metrics, measure_each_of_the_first_hundred) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    for (int i = 1; i <= 100; ++i)
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn(await_one());
        co_await yield();
        world.kernel.advance(std::chrono::nanoseconds(i));
        world.kernel.finish(*world.kernel.in_flight().front(), 0);
      });
  }));
  EXPECT_EQ(of_requests(world).latency().count(), 100U);
  EXPECT_EQ(of_requests(world).latency().sum().count(), 100 * 101 / 2);
}

TEST(operation_metrics, count_the_parts_of_a_link_however_it_is_taken) {
  for (const bool together : {true, false}) {
    fake_world world;
    world.kernel.links = together;
    world.run(invoke([&]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([]() -> task<> { (void)co_await link(request(), request()); });
        co_await yield();
        while (!world.kernel.in_flight().empty()) {
          world.kernel.advance(1us);
          world.kernel.finish(*world.kernel.in_flight().front(), 0);
          co_await yield();
        }
      });
    }));
    EXPECT_EQ(of_requests(world).started(), 2U);
    EXPECT_EQ(of_requests(world).latency().count(), 2U);
    EXPECT_EQ(of_requests(world).latency().sum(), together ? 3us : 2us);
    EXPECT_EQ(of_requests(world).resumption().count(), together ? 0U : 2U);
  }
}

TEST(operation_metrics, merge) {
  fake_world here;
  fake_world there;
  for (fake_world* each : {&here, &there}) {
    each->kernel.at_once = true;
    each->run(await_one());
  }
  operation_metrics sum = here.home.metrics().all().front();
  sum.merge(of_requests(there));
  EXPECT_EQ(sum.started(), 2U);
  EXPECT_EQ(sum.latency().count(), 2U);
  EXPECT_STREQ(sum.kind().name, "request");
}

TEST(operation_metrics, can_be_switched_off_also_while_operations_are_in_flight) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(await_one());
      co_await yield();
      world.home.metrics().measure(false);
      children.spawn(await_one());
      co_await yield();
      world.home.metrics().measure(true);
      world.kernel.finish(*world.kernel.in_flight().front(), 0);
      world.kernel.finish(*world.kernel.in_flight().front(), -EIO);
    });
  }));
  EXPECT_EQ(of_requests(world).started(), 1U);
  EXPECT_EQ(of_requests(world).failed(), 0U);
}

}  // namespace
}  // namespace gyre::testing_runtime
