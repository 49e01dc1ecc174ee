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
#include "gyre/tests/conformance/conformance.h"

// What tasks wait for of each other is the same for those of one loop and those of any.
namespace gyre::conformance {
namespace {

template <class Reach>
task<> hand_over_in_order() {
  basic_mutex<Reach> door;
  std::vector<int> order;
  co_await with_scope([&](scope& children) -> task<> {
    auto locked = co_await door.lock();
    auto& guard = locked.value();
    for (int i = 0; i < 4; ++i)
      children.spawn([&, i]() -> task<> {
        const auto held = co_await door.lock();
        if (held) order.push_back(i);
      });
    co_await yield();
    guard.unlock();
    EXPECT_TRUE(door.is_locked()) << "a newcomer would overtake those who wait";
    EXPECT_FALSE(door.try_lock().owns_lock());
    locked = co_await door.lock();
    if (locked) order.push_back(4);
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_FALSE(door.is_locked());
}

GYRE_TEST(sync, a_mutex_is_handed_over_in_the_order_of_asking) {
  co_await hand_over_in_order<one_loop>();
  co_await hand_over_in_order<any_loop>();
}

/// Counts how waits ended.
struct outcomes {
  int got = 0;
  int stopped = 0;
};

/// Takes something, in whichever way, and gives it back at once.
template <class Wait>
task<> note(Wait wait, outcomes& noted) {
  const auto taken = co_await wait();
  EXPECT_TRUE(taken || taken.error() == std::errc::operation_canceled);
  ++(taken ? noted.got : noted.stopped);
}

/// Three tasks wait in `wait`; `give` serves the first of them, then all are stopped.
template <class Wait, class Give>
task<> stop_after_the_first(Wait wait, Give give) {
  outcomes noted;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i) children.spawn(note(wait, noted));
    co_await yield();
    give();
    children.request_stop();
  });
  EXPECT_EQ(noted.got, 1);
  EXPECT_EQ(noted.stopped, 2);
}

template <class Reach>
task<> deliver_what_came_before_the_stop() {
  basic_mutex<Reach> door;
  auto held = door.try_lock();
  co_await stop_after_the_first([&] { return door.lock(); }, [&] { held.unlock(); });
  EXPECT_FALSE(door.is_locked());

  basic_shared_mutex<Reach> book;
  auto writing = book.try_lock();
  co_await stop_after_the_first([&] { return book.lock(); }, [&] { writing.unlock(); });
  EXPECT_TRUE(book.try_lock().owns_lock());

  basic_semaphore<Reach> desks(1);
  co_await stop_after_the_first([&] { return desks.acquire(2); }, [&] { desks.release(1); });
  EXPECT_EQ(desks.available(), 2U);

  basic_auto_reset_event<Reach> happened;
  co_await stop_after_the_first([&] { return happened.wait(); }, [&] { happened.set(); });
  EXPECT_FALSE(happened.is_set());
}

GYRE_TEST(sync, what_was_given_before_the_stop_is_delivered) {
  co_await deliver_what_came_before_the_stop<one_loop>();
  co_await deliver_what_came_before_the_stop<any_loop>();
}

/// The first that stands in line wants what can't be had, and is stopped: the second goes in.
template <class First, class Second>
task<> leave_to_those_behind(First first, Second second) {
  outcomes of_first;
  outcomes of_second;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      co_await with_scope([&](scope& inner) -> task<> {
        inner.spawn(note(first, of_first));
        for (int i = 0; i < 3; ++i) co_await yield();
        inner.request_stop();
      });
    });
    for (int i = 0; i < 2; ++i) co_await yield();
    children.spawn(note(second, of_second));
    co_await yield();
    EXPECT_EQ(of_second.got, 0) << "it overtook one that waits";
  });
  EXPECT_EQ(of_first.stopped, 1);
  EXPECT_EQ(of_second.got, 1);
}

template <class Reach>
task<> serve_those_behind_who_leaves() {
  basic_semaphore<Reach> bytes(5);
  co_await leave_to_those_behind([&] { return bytes.acquire(100); },
                                 [&] { return bytes.acquire(2); });
  EXPECT_EQ(bytes.available(), 5U);

  basic_shared_mutex<Reach> book;
  const auto reading = book.try_lock_shared();
  co_await leave_to_those_behind([&] { return book.lock(); }, [&] { return book.lock_shared(); });
}

GYRE_TEST(sync, who_leaves_the_line_lets_those_behind_be_served) {
  co_await serve_those_behind_who_leaves<one_loop>();
  co_await serve_those_behind_who_leaves<any_loop>();
}

/// Three tasks wait in `wait`; `give` lets them all go on.
template <class Wait, class Give>
task<> let_all_go_on(Wait wait, Give give) {
  outcomes noted;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i) children.spawn(note(wait, noted));
    co_await yield();
    EXPECT_EQ(noted.got, 0);
    give();
  });
  EXPECT_EQ(noted.got, 3);
}

template <class Reach>
task<> gather_and_go_on() {
  basic_event<Reach> happened;
  co_await let_all_go_on([&] { return happened.wait(); }, [&] { happened.set(); });
  EXPECT_TRUE(happened.is_set());
  happened.reset();
  EXPECT_FALSE(happened.is_set());

  basic_latch<Reach> done(2);
  done.count_down();
  EXPECT_EQ(done.left(), 1U);
  co_await let_all_go_on([&] { return done.wait(); }, [&] { done.count_down(); });
  EXPECT_TRUE(done.is_open());

  basic_barrier<Reach> line(4);
  co_await let_all_go_on([&] { return line.arrive_and_wait(); }, [&] { line.leave(); });
  EXPECT_EQ(line.parties(), 3U);
  EXPECT_EQ(line.arrived(), 0U);
}

GYRE_TEST(sync, all_go_on_that_wait_for_the_same) {
  co_await gather_and_go_on<one_loop>();
  co_await gather_and_go_on<any_loop>();
}

template <class Reach>
task<> take_arrivals_back() {
  basic_barrier<Reach> line(2);
  outcomes noted;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(note([&] { return line.arrive_and_wait(); }, noted));
    co_await yield();
    EXPECT_EQ(line.arrived(), 1U);
    children.request_stop();
    EXPECT_EQ(line.arrived(), 0U);
  });
  EXPECT_EQ(noted.stopped, 1);
}

GYRE_TEST(sync, an_arrival_is_taken_back_by_a_stop) {
  co_await take_arrivals_back<one_loop>();
  co_await take_arrivals_back<any_loop>();
}

template <class Reach>
task<> wait_for_a_condition() {
  basic_mutex<Reach> door;
  basic_condition_variable<Reach> changed;
  int number = 0;
  std::vector<int> order;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 3; i > 0; --i)
      children.spawn([&, i]() -> task<> {
        auto locked = co_await door.lock();
        const auto seen = co_await changed.wait(locked.value(), [&] { return number == i; });
        if (!seen) co_return;
        order.push_back(number++);
        changed.notify_all();
      });
    co_await yield();
    const auto locked = co_await door.lock();
    require(locked.has_value());
    number = 1;
    changed.notify_all();
  });
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_FALSE(door.is_locked());
}

GYRE_TEST(sync, a_condition_is_waited_for_until_it_holds) {
  co_await wait_for_a_condition<one_loop>();
  co_await wait_for_a_condition<any_loop>();
}

template <class Reach>
task<> stop_waiting_for_a_condition() {
  basic_mutex<Reach> door;
  basic_condition_variable<Reach> changed;
  outcomes noted;
  int inside = 0;
  const auto wait = [&]() -> task<> {
    auto locked = co_await door.lock();
    const auto notified = co_await changed.wait(locked.value());
    EXPECT_EQ(++inside, 1) << "the mutex is not held";
    ++(notified ? noted.got : noted.stopped);
    co_await yield();
    --inside;
  };
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i) children.spawn(wait());
    co_await yield();
    auto locked = co_await door.lock();
    changed.notify_one();
    children.request_stop();
    locked.value().unlock();
  });
  EXPECT_EQ(noted.got, 1);
  EXPECT_EQ(noted.stopped, 2);
}

GYRE_TEST(sync, who_is_stopped_waiting_for_a_condition_holds_the_mutex_again) {
  co_await stop_waiting_for_a_condition<one_loop>();
  co_await stop_waiting_for_a_condition<any_loop>();
}

template <class Reach>
task<> send_to_all() {
  basic_broadcast<int, Reach> news(2);
  int received = 0;
  const auto listen = [&]() -> task<> {
    auto heard = news.subscribe();
    for (int expected = 1; expected < 4; ++expected) {
      const auto next = co_await heard.receive();
      if (!next) co_return;
      EXPECT_EQ(*next, expected);
      ++received;
    }
    const auto late = co_await heard.receive();
    EXPECT_FALSE(late);
    EXPECT_EQ(heard.missed(), 1U);
    EXPECT_EQ(heard.try_receive().value(), 5);
  };
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 2; ++i) children.spawn(listen());
    co_await yield();
    EXPECT_EQ(news.subscriptions(), 2U);
    for (int i = 1; i < 4; ++i) {
      EXPECT_TRUE(news.send(i));
      while (received < 2 * i && !children.stop_requested()) co_await yield();
    }
    for (int i = 4; i < 7; ++i) EXPECT_TRUE(news.send(i));
  });
}

GYRE_TEST(sync, a_broadcast_reaches_each_subscription) {
  co_await send_to_all<one_loop>();
  co_await send_to_all<any_loop>();
}

template <class Reach>
task<> do_it_once() {
  basic_once<Reach> connected;
  basic_lazy<int, Reach> number;
  int tries = 0;
  outcomes noted;
  const auto connect = [&]() -> task<result<void>> {
    co_await yield();
    if (++tries == 1) co_return std::errc::connection_refused;
    co_return result<void>();
  };
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 3; ++i)
      children.spawn([&]() -> task<> {
        const auto called = co_await connected.call(connect);
        ++(called ? noted.got : noted.stopped);
        const auto made = co_await number.get([&]() -> task<result<int>> { co_return tries; });
        EXPECT_TRUE(!made || *made == number.get_if());
      });
    co_return;
  });
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(noted.got, 2);
  EXPECT_TRUE(connected.is_done());
}

GYRE_TEST(sync, what_is_done_once_is_tried_again_only_when_it_failed) {
  co_await do_it_once<one_loop>();
  co_await do_it_once<any_loop>();
}

}  // namespace
}  // namespace gyre::conformance
