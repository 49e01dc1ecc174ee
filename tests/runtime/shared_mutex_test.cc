#include "gyre/runtime/shared_mutex.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(shared_mutex, lets_many_read_or_one_write) {
  fake_world world;
  int readers = 0;
  int readers_max = 0;
  int writers = 0;
  int written = 0;
  world.run(invoke([&]() -> task<> {
    shared_mutex book;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i) {
        children.spawn([&]() -> task<> {
          for (int round = 0; round < 20; ++round) {
            const auto guard = co_await book.lock_shared();
            readers_max = std::max(readers_max, ++readers);
            EXPECT_EQ(writers, 0);
            co_await yield();
            --readers;
          }
        });
        children.spawn([&]() -> task<> {
          for (int round = 0; round < 20; ++round) {
            const auto guard = co_await book.lock();
            EXPECT_EQ(++writers, 1);
            EXPECT_EQ(readers, 0);
            co_await yield();
            --writers;
            ++written;
          }
        });
      }
      co_return;
    });
    EXPECT_TRUE(book.try_lock().owns_lock());
  }));
  EXPECT_EQ(written, 100);
  EXPECT_EQ(readers_max, 1) << "each reader stands behind a writer here";
}

/// Appends `name` when it has come in, and stays in for a turn.
task<> read(shared_mutex& book, std::string& order, char name) {
  const auto guard = co_await book.lock_shared();
  order += guard ? name : '-';
  co_await yield();
}
task<> write(shared_mutex& book, std::string& order, char name) {
  const auto guard = co_await book.lock();
  order += guard ? name : '-';
  co_await yield();
}

TEST(shared_mutex, serves_in_order_so_that_neither_is_starved) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    shared_mutex book;
    co_await with_scope([&](scope& children) -> task<> {
      auto reading = co_await book.lock_shared();
      children.spawn(read(book, order, 'a'));
      children.spawn(write(book, order, 'B'));
      children.spawn(read(book, order, 'c'));
      children.spawn(read(book, order, 'd'));
      children.spawn(write(book, order, 'E'));
      children.spawn(read(book, order, 'f'));
      co_await yield();
      co_await yield();
      EXPECT_EQ(order, "a") << "readers overtook a writer";
      EXPECT_FALSE(book.try_lock_shared().owns_lock());
      EXPECT_FALSE(book.try_lock().owns_lock());
      reading->unlock();
      co_await yield();
      EXPECT_EQ(order, "aB");
      co_await yield();
      co_await yield();
      EXPECT_EQ(order, "aBcd") << "readers that stand together go in together";
    });
  }));
  EXPECT_EQ(order, "aBcdEf");
}

TEST(shared_mutex, lets_the_readers_in_behind_a_writer_that_is_stopped) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    shared_mutex book;
    co_await with_scope([&](scope& children) -> task<> {
      const auto reading = co_await book.lock_shared();
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& inner) -> task<> {
          inner.spawn(write(book, order, 'A'));
          for (int i = 0; i < 3; ++i) co_await yield();
          EXPECT_EQ(order, "");
          inner.request_stop();
        });
      });
      co_await yield();
      co_await yield();
      children.spawn(read(book, order, 'b'));
      children.spawn(read(book, order, 'c'));
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_EQ(order, "-bc");
    });
  }));
}

TEST(shared_mutex, that_was_handed_over_before_the_stop_is_held) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    shared_mutex book;
    co_await with_scope([&](scope& children) -> task<> {
      auto writing = co_await book.lock();
      children.spawn(read(book, order, 'a'));
      children.spawn(read(book, order, 'b'));
      children.spawn(write(book, order, 'C'));
      co_await yield();
      writing->unlock();
      children.request_stop();
    });
    EXPECT_TRUE(book.try_lock().owns_lock());
  }));
  EXPECT_EQ(order, "ab-");
}

TEST(shared_mutex, can_be_tried) {
  shared_mutex book;
  auto reading = book.try_lock_shared();
  EXPECT_TRUE(reading.owns_lock());
  EXPECT_TRUE(book.try_lock_shared().owns_lock());
  EXPECT_FALSE(book.try_lock().owns_lock());
  auto moved = std::move(reading);
  EXPECT_FALSE(book.try_lock().owns_lock());
  moved.unlock();
  const auto writing = book.try_lock();
  EXPECT_TRUE(writing.owns_lock());
  EXPECT_FALSE(book.try_lock_shared().owns_lock());
}

TEST(shared_mutex_death, destroyed_while_locked_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::optional<shared_mutex> book(std::in_place);
        const auto guard = book->try_lock_shared();
        book.reset();
      },
      "a shared_mutex was destroyed while it was locked");
}

TEST(shared_mutex_death, unlocking_twice_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        shared_mutex book;
        auto guard = book.try_lock();
        guard.unlock();
        guard.unlock();
      },
      "a guard was unlocked that holds no mutex");
}

}  // namespace
}  // namespace gyre::testing_runtime
