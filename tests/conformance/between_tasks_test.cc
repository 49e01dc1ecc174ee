#include <fcntl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/barrier.h"
#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/condition_variable.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/latch.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/once.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/shared_mutex.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

// What tasks of one loop wait for of each other, while they wait for the kernel as well. Each of
// these is swept too: stopped at every place, and with every allocation failing.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Waits for the kernel, and lets others run where that has its answer at once.
task<> go_through(pipe& between) {
  std::array<std::byte, 1> byte;
  (co_await op::write(between.write_end, bytes_of("x"))).value();
  require((co_await op::read(between.read_end, byte)).value() == 1);
  co_await yield();
}

GYRE_TEST(mutexes, keep_others_out_over_waits_for_the_kernel_and_are_fair) {
  pipe between = pipe::create(4096).value();
  mutex one_at_a_time;
  std::string order;
  int inside = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (const char name : {'a', 'b', 'c', 'd'})
      children.spawn([&, name]() -> task<> {
        for (int i = 0; i < 2; ++i) {
          const auto guard = (co_await one_at_a_time.lock()).value();
          EXPECT_EQ(inside++, 0);
          co_await go_through(between);
          order += name;
          --inside;
        }
      });
    co_return;
  });
  EXPECT_EQ(order, "abcdabcd");
}

GYRE_TEST(mutexes, are_not_taken_by_who_gave_up) {
  mutex lock;
  shared_mutex shared;
  auto guard = (co_await lock.lock()).value();
  auto reader = (co_await shared.lock_shared()).value();
  EXPECT_EQ((co_await with_timeout(lock.lock(), 100us)).error(), std::errc::timed_out);
  EXPECT_EQ((co_await with_timeout(shared.lock(), 100us)).error(), std::errc::timed_out);
  EXPECT_TRUE(shared.try_lock_shared().owns_lock()) << "no writer waits any more";
  guard.unlock();
  reader.unlock();
  EXPECT_TRUE(lock.try_lock().owns_lock());
  EXPECT_TRUE(shared.try_lock().owns_lock());
}

GYRE_TEST(shared_mutexes, let_readers_in_together_and_writers_alone) {
  pipe between = pipe::create(4096).value();
  shared_mutex table;
  int readers = 0;
  int writers = 0;
  int readers_most = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i) {
      children.spawn([&]() -> task<> {
        const auto guard = (co_await table.lock_shared()).value();
        readers_most = std::max(readers_most, ++readers);
        (co_await sleep_for(100us)).value();
        EXPECT_EQ(writers, 0);
        --readers;
      });
    }
    children.spawn([&]() -> task<> {
      const auto guard = (co_await table.lock()).value();
      ++writers;
      co_await go_through(between);
      EXPECT_EQ(readers, 0);
      --writers;
    });
    co_return;
  });
  EXPECT_EQ(readers_most, 3);
}

GYRE_TEST(semaphores, bound_what_is_in_flight) {
  pipe between = pipe::create(4096).value();
  semaphore places(3);
  int inside = 0;
  int most = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 10; ++i)
      children.spawn([&]() -> task<> {
        const auto place = (co_await places.acquire()).value();
        most = std::max(most, ++inside);
        co_await go_through(between);
        (co_await sleep_for(10us)).value();
        --inside;
      });
    (co_await sleep_for(10us)).value();
    EXPECT_TRUE((co_await with_timeout(places.acquire(3), 1h)).has_value());
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(places.available(), 3U);
}

GYRE_TEST(events, let_one_or_all_go_on) {
  pipe between = pipe::create(4096).value();
  event all;
  auto_reset_event one;
  int went_on = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&]() -> task<> {
        (co_await all.wait()).value();
        (co_await one.wait()).value();
        ++went_on;
        co_await go_through(between);
        one.set();
      });
    EXPECT_EQ((co_await with_timeout(one.wait(), 100us)).error(), std::errc::timed_out);
    all.set();
    one.set();
  });
  EXPECT_EQ(went_on, 3);
  EXPECT_TRUE(one.is_set()) << "the last of them set it for nobody";
}

GYRE_TEST(barriers, and_latches_bring_tasks_together) {
  pipe between = pipe::create(4096).value();
  barrier rounds(3);
  latch done(3);
  int arrived = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&, i]() -> task<> {
        for (int round = 1; round <= 3; ++round) {
          for (int k = 0; k < i; ++k) co_await go_through(between);
          ++arrived;
          (co_await rounds.arrive_and_wait()).value();
          EXPECT_GE(arrived, 3 * round);
        }
        done.count_down();
      });
    (co_await done.wait()).value();
    EXPECT_EQ(arrived, 9);
  });
}

GYRE_TEST(condition_variables, are_told_of_what_came_from_the_kernel) {
  pipe between = pipe::create(4096).value();
  mutex guarded;
  condition_variable changed;
  std::string come;
  co_await with_scope([&](scope& children) -> task<> {
    for (std::size_t wanted = 1; wanted <= 3; ++wanted)
      children.spawn([&, wanted]() -> task<> {
        auto guard = (co_await guarded.lock()).value();
        (co_await changed.wait(guard, [&] { return come.size() >= wanted; })).value();
        EXPECT_GE(come.size(), wanted);
      });
    for (int i = 0; i < 3; ++i) {
      co_await go_through(between);
      const auto guard = (co_await guarded.lock()).value();
      come += 'x';
      changed.notify_all();
    }
  });
}

GYRE_TEST(channels, carry_what_one_reads_to_whom_it_is_for) {
  pipe between = pipe::create(4096).value();
  channel<char> bytes(1);
  std::string heard;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::array<std::byte, 1> byte;
      for (int i = 0; i < 4; ++i) {
        require((co_await op::read(between.read_end, byte)).value() == 1);
        (co_await bytes.send(std::to_integer<char>(byte[0]))).value();
      }
      bytes.close();
    });
    children.spawn(
        [&]() -> task<> { (co_await op::write(between.write_end, bytes_of("abcd"))).value(); });
    while (true) {
      const auto got = co_await bytes.receive();
      if (!got) {
        EXPECT_EQ(got.error(), std::errc::broken_pipe);
        break;
      }
      heard += *got;
    }
  });
  EXPECT_EQ(heard, "abcd");
}

GYRE_TEST(channels, give_a_value_up_to_no_deadline) {
  channel<std::string> words(0);
  std::string heard;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      for (std::string word : {"one", "two", "three"}) {
        while (true) {
          const auto sent = co_await with_timeout(words.send(std::move(word)), 10us);
          if (sent) break;
          require(sent.error() == std::errc::timed_out);
        }
      }
      words.close();
    });
    while (true) {
      const auto got = co_await with_timeout(words.receive(), 10us);
      if (got) heard += *got;
      if (!got && got.error() != std::errc::timed_out) break;
    }
  });
  EXPECT_EQ(heard, "onetwothree");
}

GYRE_TEST(channels, are_selected_from) {
  pipe between = pipe::create(4096).value();
  channel<int> numbers(0);
  channel<std::string> words(1);
  int sum = 0;
  std::string text;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      for (int i = 1; i <= 3; ++i) {
        co_await go_through(between);
        (co_await numbers.send(i)).value();
      }
      numbers.close();
    });
    children.spawn([&]() -> task<> {
      for (const char* each : {"a", "b", "c"}) (co_await words.send(std::string(each))).value();
      words.close();
    });
    while (true) {
      auto got = co_await select(numbers.receive(), words.receive());
      if (!got) break;
      if (got->index() == 0)
        sum += std::get<0>(*got);
      else
        text += std::get<1>(*got);
    }
  });
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(text, "abc");
}

GYRE_TEST(broadcasts, reach_each_subscription_and_tell_who_is_behind) {
  pipe between = pipe::create(4096).value();
  broadcast<int> news(2);
  int heard = 0;
  auto slow = news.subscribe();
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 2; ++i)
      children.spawn([&, mine = news.subscribe()]() mutable -> task<> {
        while (true) {
          const auto got = co_await mine.receive();
          if (!got) break;
          heard += *got;
        }
      });
    for (int i = 1; i <= 4; ++i) {
      co_await go_through(between);
      news.send(i).value();
      require(co_await yield());
    }
    news.close();
  });
  EXPECT_EQ(heard, 2 * (1 + 2 + 3 + 4));
  EXPECT_EQ((co_await slow.receive()).error(), std::errc::no_buffer_space);
  EXPECT_EQ(slow.missed(), 2U);
  EXPECT_EQ((co_await slow.receive()).value(), 3);
}

GYRE_TEST(lazy_values, are_made_once_and_again_after_a_failure) {
  const temporary_directory place;
  const std::string path = place.path_of("file");
  lazy<file> opened;
  once counted;
  int opens = 0;
  int calls = 0;
  const auto open = [&]() -> task<result<file>> {
    ++opens;
    co_return co_await file::open(path, O_RDWR | (opens > 1 ? O_CREAT : 0), 0600);
  };
  const auto call = [&]() -> task<result<void>> {
    ++calls;
    co_return co_await sleep_for(10us);
  };
  EXPECT_EQ((co_await opened.get(open)).error(), std::errc::no_such_file_or_directory);
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&]() -> task<> {
        file* mine = (co_await opened.get(open)).value();
        (co_await mine->write_at(bytes_of("x"), 0)).value();
        (co_await counted.call(call)).value();
      });
    co_return;
  });
  EXPECT_EQ(opens, 2);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace gyre::conformance
