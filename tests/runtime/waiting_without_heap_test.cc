#include <gtest/gtest.h>

#include <cstdint>

#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/barrier.h"
#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/condition_variable.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/shared_mutex.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/heap/counted_heap.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

constexpr int rounds = 100;

/// Told of each round of a task, expects that nothing was allocated since an early one.
class heap_watch {
 public:
  ~heap_watch() { EXPECT_TRUE(seen_); }
  void end_of_round(int round) {
    if (round == 2) before_ = counted_heap::allocations();
    if (round != rounds - 1) return;
    EXPECT_EQ(counted_heap::allocations(), before_);
    seen_ = true;
  }

 private:
  std::uint64_t before_ = 0;
  bool seen_ = false;
};

/// Runs tasks that wait for each other.
template <class... Tasks>
void run_together(Tasks... tasks) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      (children.spawn(tasks()), ...);
      co_return;
    });
  }));
}

template <class Reach>
void wait_for_mutex() {
  basic_mutex<Reach> door;
  const auto come_in = [&]() -> task<> {
    heap_watch heap;
    for (int round = 0; round < rounds; ++round) {
      const auto guard = co_await door.lock();
      co_await yield();
      heap.end_of_round(round);
    }
  };
  run_together(come_in, come_in, come_in);
}

TEST(waiting_without_heap, mutex) {
  wait_for_mutex<one_loop>();
  wait_for_mutex<any_loop>();
}

template <class Reach>
void wait_for_shared_mutex() {
  basic_shared_mutex<Reach> book;
  run_together(
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          const auto guard = co_await book.lock();
          co_await yield();
          heap.end_of_round(round);
        }
      },
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          const auto guard = co_await book.lock_shared();
          co_await yield();
          heap.end_of_round(round);
        }
      });
}

TEST(waiting_without_heap, shared_mutex) {
  wait_for_shared_mutex<one_loop>();
  wait_for_shared_mutex<any_loop>();
}

template <class Reach>
void wait_for_semaphore() {
  basic_semaphore<Reach> desks(3);
  const auto work = [&]() -> task<> {
    heap_watch heap;
    for (int round = 0; round < rounds; ++round) {
      const auto permits = co_await desks.acquire(2);
      co_await yield();
      heap.end_of_round(round);
    }
  };
  run_together(work, work, work);
}

TEST(waiting_without_heap, semaphore) {
  wait_for_semaphore<one_loop>();
  wait_for_semaphore<any_loop>();
}

template <class Reach>
void wait_for_events_and_barriers() {
  basic_auto_reset_event<Reach> asked;
  basic_auto_reset_event<Reach> answered;
  basic_barrier<Reach> line(2);
  run_together(
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          asked.set();
          EXPECT_TRUE(co_await answered.wait());
          EXPECT_TRUE(co_await line.arrive_and_wait());
          heap.end_of_round(round);
        }
      },
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          EXPECT_TRUE(co_await asked.wait());
          answered.set();
          EXPECT_TRUE(co_await line.arrive_and_wait());
          heap.end_of_round(round);
        }
      });
}

TEST(waiting_without_heap, events_and_barriers) {
  wait_for_events_and_barriers<one_loop>();
  wait_for_events_and_barriers<any_loop>();
}

template <class Reach>
void wait_for_condition_variable() {
  basic_mutex<Reach> door;
  basic_condition_variable<Reach> changed;
  int turn = 0;
  const auto take_turns = [&](int own) -> task<> {
    heap_watch heap;
    for (int round = 0; round < rounds; ++round) {
      auto guard = co_await door.lock();
      const auto seen = co_await changed.wait(*guard, [&] { return turn == own; });
      EXPECT_TRUE(seen);
      turn = 1 - own;
      changed.notify_all();
      heap.end_of_round(round);
    }
  };
  run_together([&] { return take_turns(0); }, [&] { return take_turns(1); });
}

TEST(waiting_without_heap, condition_variable) {
  wait_for_condition_variable<one_loop>();
  wait_for_condition_variable<any_loop>();
}

template <template <class> class Channel>
void send_and_receive() {
  for (const std::size_t capacity : {0, 1, 7}) {
    Channel<int> questions(capacity);
    Channel<int> answers(capacity);
    run_together(
        [&]() -> task<> {
          heap_watch heap;
          for (int round = 0; round < rounds; ++round) {
            EXPECT_TRUE(co_await questions.send(round));
            const auto answer = co_await answers.receive();
            EXPECT_EQ(*answer, round);
            heap.end_of_round(round);
          }
        },
        [&]() -> task<> {
          heap_watch heap;
          for (int round = 0; round < rounds; ++round) {
            const auto question = co_await questions.receive();
            EXPECT_TRUE(co_await answers.send(*question));
            heap.end_of_round(round);
          }
        });
  }
}

TEST(waiting_without_heap, channel) {
  send_and_receive<channel>();
  send_and_receive<cross_channel>();
}

template <template <class> class Channel>
void choose_by_select() {
  Channel<int> first(0);
  Channel<int> second(1);
  run_together(
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          EXPECT_TRUE(co_await (round % 2 ? first : second).send(round));
          heap.end_of_round(round);
        }
      },
      [&]() -> task<> {
        heap_watch heap;
        for (int round = 0; round < rounds; ++round) {
          EXPECT_TRUE(co_await select(first.receive(), second.receive()));
          heap.end_of_round(round);
        }
      });
}

TEST(waiting_without_heap, select) {
  choose_by_select<channel>();
  choose_by_select<cross_channel>();
}

template <class Reach>
void wait_for_broadcast() {
  basic_broadcast<int, Reach> news(1);
  basic_barrier<Reach> line(3);
  const auto listen = [&]() -> task<> {
    heap_watch heap;
    auto heard = news.subscribe();
    for (int round = 0; round < rounds; ++round) {
      const auto next = co_await heard.receive();
      EXPECT_EQ(*next, round);
      EXPECT_TRUE(co_await line.arrive_and_wait());
      heap.end_of_round(round);
    }
  };
  run_together(listen, listen, [&]() -> task<> {
    heap_watch heap;
    for (int round = 0; round < rounds; ++round) {
      EXPECT_TRUE(news.send(round));
      EXPECT_TRUE(co_await line.arrive_and_wait());
      heap.end_of_round(round);
    }
  });
}

TEST(waiting_without_heap, broadcast) {
  wait_for_broadcast<one_loop>();
  wait_for_broadcast<any_loop>();
}

}  // namespace
}  // namespace gyre::testing_runtime
