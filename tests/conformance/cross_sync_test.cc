#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/barrier.h"
#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/condition_variable.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/latch.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/once.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/shared_mutex.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/other_loop.h"

// What tasks of several loops share. Those that a stop comes to at any time are stopped by a
// deadline that is over at once, or nearly: whatever the other loops are doing then.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

constexpr int rounds = 300;

task<> count_up(cross_mutex& door, int& count) {
  for (int round = 0; round < rounds; ++round) {
    const auto guard = co_await door.lock();
    if (!guard) co_return;
    const int before = count;
    co_await yield();
    count = before + 1;
  }
}

GYRE_TEST(cross_sync, a_mutex_lets_one_task_in_at_a_time) {
  cross_mutex door;
  int count = 0;
  {
    const other_loop first([&] { return count_up(door, count); });
    const other_loop second([&] { return count_up(door, count); });
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i) children.spawn(count_up(door, count));
      co_return;
    });
  }
  EXPECT_EQ(count, 4 * rounds);
  EXPECT_FALSE(door.is_locked());
}

task<> count_up_impatiently(cross_mutex& door, int& count, std::atomic<int>& went_in) {
  for (int round = 0; round < rounds; ++round) {
    const auto guard = co_await with_timeout(door.lock(), round % 3 * 1us);
    if (!guard) continue;
    ++went_in;
    const int before = count;
    co_await yield();
    count = before + 1;
  }
}

GYRE_TEST(cross_sync, a_mutex_is_lost_by_no_stop) {
  cross_mutex door;
  int count = 0;
  std::atomic<int> went_in = 0;
  {
    const other_loop first([&] { return count_up_impatiently(door, count, went_in); });
    const other_loop second([&] { return count_up_impatiently(door, count, went_in); });
    co_await count_up_impatiently(door, count, went_in);
  }
  EXPECT_EQ(count, went_in);
  EXPECT_FALSE(door.is_locked());
}

/// Two numbers that are the same whenever one may read them.
struct book {
  cross_shared_mutex access;
  int left = 0;
  int right = 0;
};

task<> read_and_write(book& shared) {
  for (int round = 0; round < rounds; ++round) {
    if (round % 4 == 0) {
      const auto writing = co_await with_timeout(shared.access.lock(), round % 16 * 1us);
      if (!writing) continue;
      ++shared.left;
      co_await yield();
      ++shared.right;
    } else {
      const auto reading = co_await with_timeout(shared.access.lock_shared(), round % 3 * 1us);
      if (!reading) continue;
      const int seen = shared.left;
      co_await yield();
      EXPECT_EQ(shared.right, seen);
    }
  }
}

GYRE_TEST(cross_sync, a_shared_mutex_lets_readers_or_one_writer_in) {
  book shared;
  {
    const other_loop first([&] { return read_and_write(shared); });
    const other_loop second([&] { return read_and_write(shared); });
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i) children.spawn(read_and_write(shared));
      co_return;
    });
  }
  EXPECT_EQ(shared.left, shared.right);
  EXPECT_TRUE(shared.access.try_lock().owns_lock()) << "somebody is still in";
}

constexpr std::size_t desks_there = 3;

/// Takes up to all of them, at times for too long.
task<> work(cross_semaphore& desks, std::atomic<std::size_t>& taken) {
  for (int round = 0; round < rounds; ++round) {
    const std::size_t wanted = 1 + static_cast<std::size_t>(round) % desks_there;
    const auto mine = co_await with_timeout(desks.acquire(wanted), round % 3 * 1us);
    if (!mine) continue;
    EXPECT_LE(taken += wanted, desks_there);
    co_await yield();
    taken -= wanted;
  }
}

GYRE_TEST(cross_sync, permits_are_neither_lost_nor_doubled_by_stops) {
  cross_semaphore desks(desks_there);
  std::atomic<std::size_t> taken = 0;
  {
    const other_loop first([&] { return work(desks, taken); });
    const other_loop second([&] { return work(desks, taken); });
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i) children.spawn(work(desks, taken));
      co_return;
    });
  }
  EXPECT_EQ(desks.available(), desks_there);
}

/// Takes part in a barrier no longer, however its end comes about.
class leaving_at_end {
 public:
  explicit leaving_at_end(cross_barrier& line) noexcept : line_(line) {}
  leaving_at_end(const leaving_at_end&) = delete;
  leaving_at_end& operator=(const leaving_at_end&) = delete;
  ~leaving_at_end() { line_.leave(); }

 private:
  cross_barrier& line_;
};

task<> go_round(cross_barrier& line, std::atomic<int>& done) {
  for (int round = 0; round < rounds; ++round) {
    const auto together = co_await line.arrive_and_wait();
    if (!together) co_return;
    ++done;
  }
}

// An arrival that is taken back counts for nothing, and one that completed the round is kept.
GYRE_TEST(cross_sync, a_barrier_lets_both_go_on_or_none) {
  cross_barrier line(2);
  std::atomic<int> done = 0;
  {
    const other_loop other([&] { return go_round(line, done); });
    const leaving_at_end leaving(line);
    for (int round = 0; round < rounds;) {
      const auto together = co_await with_timeout(line.arrive_and_wait(), 1us);
      if (together)
        EXPECT_GE(done + 1, ++round) << "this one went on alone";
      else if (together.error() != std::errc::timed_out)
        break;
    }
  }
  EXPECT_EQ(done, rounds);
  EXPECT_EQ(line.arrived(), 0U);
}

task<> answer(cross_auto_reset_event& asked, cross_auto_reset_event& answered,
              const std::atomic<bool>& over) {
  while (!over) {
    const auto heard = co_await asked.wait();
    if (!heard) co_return;
    answered.set();
  }
}

/// Asks for the last time.
class asking_at_end {
 public:
  asking_at_end(std::atomic<bool>& over, cross_auto_reset_event& asked) noexcept
      : over_(over), asked_(asked) {}
  asking_at_end(const asking_at_end&) = delete;
  asking_at_end& operator=(const asking_at_end&) = delete;
  ~asking_at_end() {
    over_ = true;
    asked_.set();
  }

 private:
  std::atomic<bool>& over_;
  cross_auto_reset_event& asked_;
};

GYRE_TEST(cross_sync, what_an_event_was_set_for_is_not_lost_by_a_stop) {
  cross_auto_reset_event asked;
  cross_auto_reset_event answered;
  std::atomic<bool> over = false;
  {
    const other_loop other([&] { return answer(asked, answered, over); });
    const asking_at_end last(over, asked);
    for (int round = 0; round < rounds; ++round) {
      asked.set();
      while (true) {
        const auto heard = co_await with_timeout(answered.wait(), 1us);
        if (heard) break;
        require(heard.error() == std::errc::timed_out);
      }
      EXPECT_FALSE(answered.is_set()) << "one question was answered twice";
    }
  }
}

/// Things that are made here and fetched there.
struct store {
  cross_mutex door;
  cross_condition_variable changed;
  int stock = 0;
  bool closed = false;
};

task<> fetch(store& from, int& fetched) {
  const auto home = std::this_thread::get_id();
  const auto ready = [&] {
    EXPECT_EQ(std::this_thread::get_id(), home);
    return from.stock > 0 || from.closed;
  };
  auto guard = co_await from.door.lock();
  if (!guard) co_return;
  while (true) {
    const auto seen = co_await with_timeout(from.changed.wait(*guard, ready), 1us);
    EXPECT_TRUE(from.door.is_locked());
    if (!seen) continue;
    if (from.stock == 0) co_return;
    --from.stock;
    ++fetched;
  }
}

/// Without a loop there is no waiting for the mutex.
void make(store& to, int count) {
  for (int made = 0; made < count;) {
    const auto guard = to.door.try_lock();
    if (!guard.owns_lock()) {
      std::this_thread::yield();
      continue;
    }
    ++to.stock;
    ++made;
    to.changed.notify_one();
  }
}

class closing_at_end {
 public:
  explicit closing_at_end(store& closed) noexcept : closed_(closed) {}
  closing_at_end(const closing_at_end&) = delete;
  closing_at_end& operator=(const closing_at_end&) = delete;
  ~closing_at_end() {
    auto guard = closed_.door.try_lock();
    while (!guard.owns_lock()) {
      std::this_thread::yield();
      guard = closed_.door.try_lock();
    }
    closed_.closed = true;
    guard.unlock();
    closed_.changed.notify_all();
  }

 private:
  store& closed_;
};

GYRE_TEST(cross_sync, a_condition_is_looked_at_under_the_mutex_by_the_loop_of_who_waits) {
  store shared;
  int first = 0;
  int second = 0;
  {
    const other_loop one([&] { return fetch(shared, first); });
    std::optional<other_loop> two;
    const closing_at_end no_more(shared);
    two.emplace([&] { return fetch(shared, second); });
    for (int made = 0; made < rounds; ++made) {
      const auto guard = (co_await shared.door.lock()).value();
      ++shared.stock;
      if (made % 2 == 0)
        shared.changed.notify_one();
      else
        shared.changed.notify_all();
    }
  }
  EXPECT_EQ(first + second, rounds);
}

task<> listen(cross_broadcast<int>::subscription heard, std::uint64_t& received) {
  int last = -1;
  while (true) {
    const auto next = co_await with_timeout(heard.receive(), 1us);
    if (next) {
      EXPECT_GT(*next, last);
      last = *next;
      ++received;
    } else if (next.error() == std::errc::no_buffer_space) {
      received += heard.missed();
    } else if (next.error() == std::errc::broken_pipe) {
      co_return;
    }
  }
}

class ending_at_end {
 public:
  explicit ending_at_end(cross_broadcast<int>& news) noexcept : news_(news) {}
  ending_at_end(const ending_at_end&) = delete;
  ending_at_end& operator=(const ending_at_end&) = delete;
  ~ending_at_end() { news_.close(); }

 private:
  cross_broadcast<int>& news_;
};

GYRE_TEST(cross_sync, a_broadcast_reaches_all_or_says_what_they_missed) {
  cross_broadcast<int> news(4);
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  {
    std::optional<other_loop> one;
    std::optional<other_loop> two;
    const ending_at_end no_more(news);
    one.emplace([&] { return listen(news.subscribe(), first); });
    two.emplace([&] { return listen(news.subscribe(), second); });
    while (news.subscriptions() < 2) std::this_thread::yield();
    for (int i = 0; i < rounds; ++i) {
      EXPECT_TRUE(news.send(i));
      if (i % 3 == 0) co_await yield();
    }
  }
  EXPECT_EQ(first, static_cast<std::uint64_t>(rounds));
  EXPECT_EQ(second, static_cast<std::uint64_t>(rounds));
}

GYRE_TEST(cross_sync, what_is_done_once_is_done_by_one_loop_and_seen_by_all) {
  cross_once connected;
  cross_lazy<int> number;
  int connects = 0;
  int makes = 0;
  const auto use = [&]() -> task<> {
    const auto once = co_await connected.call([&]() -> task<result<void>> {
      co_await yield();
      ++connects;
      co_return result<void>();
    });
    EXPECT_TRUE(!once || connects == 1);
    const auto made = co_await number.get([&]() -> task<result<int>> {
      co_await yield();
      co_return ++makes;
    });
    EXPECT_TRUE(!made || **made == 1);
  };
  {
    const other_loop first(use);
    const other_loop second(use);
    co_await use();
  }
  EXPECT_TRUE(connected.is_done());
}

/// Has one thing after the other woken by a thread without a loop, while it is waited for here, and
/// destroys it at once: the thread may still be on its way out of the call.
template <class Thing>
task<> destroy_when_woken() {
  constexpr int count = 50;
  std::vector<std::unique_ptr<Thing>> things(count);
  for (auto& each : things) each = std::make_unique<Thing>();
  std::atomic<int> due = 0;
  {
    const std::jthread waking([&] {
      for (int i = 0; i < count; ++i) {
        due.wait(i);
        if (due < 0) return;
        things[i]->wake();
      }
    });
    try {
      for (int i = 0; i < count; ++i) {
        due = i + 1;
        due.notify_one();
        if (i % 2 == 0) co_await yield();
        {
          const auto woken = co_await things[i]->wait();
          require(woken.has_value());
        }
        things[i].reset();
      }
    } catch (...) {  // what was not waited for stays until the thread has ended
      due = -1;
      due.notify_one();
      throw;
    }
  }
}

struct waiting_for_event {
  cross_event happened;
  void wake() { happened.set(); }
  auto wait() { return happened.wait(); }
};
struct waiting_for_auto_reset_event {
  cross_auto_reset_event happened;
  void wake() { happened.set(); }
  auto wait() { return happened.wait(); }
};
struct waiting_for_latch {
  cross_latch done{1};
  void wake() { done.count_down(); }
  auto wait() { return done.wait(); }
};
struct waiting_for_barrier {
  cross_barrier line{2};
  void wake() { line.leave(); }
  auto wait() { return line.arrive_and_wait(); }
};
struct waiting_for_semaphore {
  cross_semaphore desks{0};
  void wake() { desks.release(2); }
  auto wait() { return desks.acquire(2); }
};
struct waiting_for_mutex {
  cross_mutex door;
  cross_mutex::guard held = door.try_lock();
  void wake() { held.unlock(); }
  auto wait() { return door.lock(); }
};
struct waiting_for_shared_mutex {
  cross_shared_mutex book;
  cross_shared_mutex::guard held = book.try_lock();
  void wake() { held.unlock(); }
  auto wait() { return book.lock_shared(); }
};
struct waiting_for_broadcast {
  cross_broadcast<int> news{1};
  cross_broadcast<int>::subscription heard = news.subscribe();
  void wake() { EXPECT_TRUE(news.send(1)); }
  auto wait() { return heard.receive(); }
};
struct waiting_for_condition {
  store shared;
  void wake() { make(shared, 1); }
  task<result<void>> wait() {
    auto guard = co_await shared.door.lock();
    if (!guard) co_return guard.error();
    co_return co_await shared.changed.wait(*guard, [&] { return shared.stock > 0; });
  }
};

GYRE_TEST(cross_sync, who_is_woken_may_destroy_an_event_at_once) {
  co_await destroy_when_woken<waiting_for_event>();
  co_await destroy_when_woken<waiting_for_auto_reset_event>();
  co_await destroy_when_woken<waiting_for_latch>();
  co_await destroy_when_woken<waiting_for_barrier>();
}

GYRE_TEST(cross_sync, who_is_woken_may_destroy_a_lock_at_once) {
  co_await destroy_when_woken<waiting_for_semaphore>();
  co_await destroy_when_woken<waiting_for_mutex>();
  co_await destroy_when_woken<waiting_for_shared_mutex>();
}

GYRE_TEST(cross_sync, who_is_woken_may_destroy_a_condition_or_a_broadcast_at_once) {
  co_await destroy_when_woken<waiting_for_condition>();
  co_await destroy_when_woken<waiting_for_broadcast>();
}

GYRE_TEST_THAT_DIES(cross_sync, a_semaphore_that_is_destroyed_while_a_task_waits_ends_the_process,
                    "a semaphore was destroyed while tasks wait for it") {
  auto desks = std::make_unique<cross_semaphore>(0);
  spawn(invoke([&]() -> task<> { (void)co_await desks->acquire(); }));
  co_await yield();
  desks.reset();
}

}  // namespace
}  // namespace gyre::conformance
