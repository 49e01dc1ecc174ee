#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>

#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/barrier.h"
#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/condition_variable.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/latch.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/shared_mutex.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

using namespace std::chrono_literals;

TEST(waiting_with_deadline, leaves_locks_to_the_others) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    shared_mutex book;
    semaphore desks(1);
    auto inside = co_await with_timeout(door.lock(), 1s);
    auto reading = co_await with_timeout(book.lock_shared(), 1s);
    auto working = co_await with_timeout(desks.acquire(), 1s);
    EXPECT_EQ((co_await with_timeout(door.lock(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(book.lock(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(desks.acquire(), 1s)).error(), std::errc::timed_out);
    inside->unlock();
    reading->unlock();
    working->release();
    EXPECT_FALSE(door.is_locked()) << "handed over to one that had left";
    EXPECT_TRUE(book.try_lock().owns_lock());
    EXPECT_EQ(desks.available(), 1U);
  }());
}

TEST(waiting_with_deadline, leaves_events_to_the_others) {
  fake_world world;
  world.run([]() -> task<> {
    auto_reset_event happened;
    latch done(1);
    barrier line(2);
    EXPECT_EQ((co_await with_timeout(happened.wait(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(done.wait(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(line.arrive_and_wait(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ(line.arrived(), 0U);
    happened.set();
    EXPECT_TRUE(happened.is_set()) << "taken by one that had left";
  }());
}

TEST(waiting_with_deadline, for_a_condition_holds_the_mutex_again) {
  fake_world world;
  world.run([]() -> task<> {
    mutex door;
    condition_variable changed;
    auto guard = co_await door.lock();
    const auto never_true = [] { return false; };
    EXPECT_EQ((co_await with_timeout(changed.wait(*guard, never_true), 1s)).error(),
              std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(changed.wait(*guard), 1s)).error(), std::errc::timed_out);
    EXPECT_TRUE(door.is_locked());
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto other = co_await door.lock();
        changed.notify_one();
      });
      EXPECT_TRUE(co_await with_timeout(changed.wait(*guard), 1s));
    });
  }());
}

TEST(waiting_with_deadline, loses_no_value_of_a_channel) {
  fake_world world;
  world.run([]() -> task<> {
    channel<std::unique_ptr<int>> values(1);
    cross_channel<std::unique_ptr<int>> others(1);
    broadcast<int> news(1);
    auto heard = news.subscribe();
    EXPECT_EQ((co_await with_timeout(values.receive(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(others.receive(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(heard.receive(), 1s)).error(), std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(select(values.receive()), 1s)).error(), std::errc::timed_out);
    EXPECT_TRUE(values.try_send(std::make_unique<int>(1)));
    EXPECT_TRUE(others.try_send(std::make_unique<int>(1)));
    auto mine = std::make_unique<int>(2);
    EXPECT_EQ((co_await with_timeout(values.send(std::move(mine)), 1s)).error(),
              std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(others.send(std::move(mine)), 1s)).error(),
              std::errc::timed_out);
    EXPECT_EQ((co_await with_timeout(select(values.send(std::move(mine))), 1s)).error(),
              std::errc::timed_out);
    EXPECT_TRUE(mine);
    EXPECT_EQ(**co_await with_timeout(values.receive(), 1s), 1);
    EXPECT_EQ(**co_await with_timeout(others.receive(), 1s), 1);
  }());
}

TEST(waiting_with_deadline, or_for_the_first_of_several_takes_no_value_from_the_others) {
  fake_world world;
  world.run([]() -> task<> {
    channel<int> first(1);
    channel<int> second(1);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await when_any(first.receive(), second.receive());
        EXPECT_EQ(got.index(), 1U);
      });
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_TRUE(second.try_send(2));
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_TRUE(first.try_send(1));
    });
    EXPECT_EQ(first.size(), 1U);
  }());
}

}  // namespace
}  // namespace gyre::testing_runtime
