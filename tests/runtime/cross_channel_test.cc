#include "gyre/runtime/cross_channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

/// Runs each of `mains` on a loop and a thread of its own.
template <class... Mains>
void run_on_threads(Mains... mains) {
  std::vector<std::thread> threads;
  const auto run_one = [](auto main) {
    fake_world world;
    world.run(invoke(std::move(main)));
  };
  (threads.emplace_back(run_one, std::move(mains)), ...);
  for (std::thread& each : threads) each.join();
}

class cross_channel_of_capacity : public ::testing::TestWithParam<std::size_t> {};

TEST_P(cross_channel_of_capacity, carries_all_values_in_order_from_loop_to_loop) {
  cross_channel<int> values(GetParam());
  EXPECT_EQ(values.capacity(), GetParam());
  constexpr int count = 20'000;
  run_on_threads(
      [&]() -> task<> {
        for (int i = 0; i < count; ++i) {
          EXPECT_TRUE(co_await values.send(i));
          if (i % 100 == 0) co_await yield();
        }
        values.close();
      },
      [&]() -> task<> {
        int expected = 0;
        while (const auto value = co_await values.receive()) EXPECT_EQ(*value, expected++);
        EXPECT_EQ(expected, count);
      });
}

TEST_P(cross_channel_of_capacity, carries_each_value_once_between_many_loops) {
  constexpr int each = 3'000;
  cross_channel<std::unique_ptr<int>> values(GetParam());
  std::vector<std::atomic<int>> seen(2 * 2 * each);
  std::atomic<int> sending = 4;
  const auto senders = [&](int first) {
    return [&, first]() -> task<> {
      co_await with_scope([&](scope& children) -> task<> {
        for (int sender = first; sender < first + 2; ++sender)
          children.spawn([&, sender]() -> task<> {
            for (int i = 0; i < each; ++i)
              EXPECT_TRUE(co_await values.send(std::make_unique<int>(sender * each + i)));
            if (--sending == 0) values.close();
          });
        co_return;
      });
    };
  };
  const auto receivers = [&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn([&]() -> task<> {
          while (const auto value = co_await values.receive()) ++seen[**value];
        });
      co_return;
    });
  };
  run_on_threads(senders(0), senders(2), receivers, receivers);
  for (const auto& times : seen) EXPECT_EQ(times, 1);
}

TEST_P(cross_channel_of_capacity, loses_no_value_when_receivers_are_stopped) {
  constexpr int count = 5'000;
  cross_channel<std::unique_ptr<int>> values(GetParam());
  std::vector<int> seen(count);
  run_on_threads(
      [&]() -> task<> {
        for (int i = 0; i < count; ++i) {
          EXPECT_TRUE(co_await values.send(std::make_unique<int>(i)));
          if (i % 3 == 0) co_await yield();
        }
        values.close();
      },
      [&]() -> task<> {
        const auto receive = [&]() -> task<> {
          while (const auto value = co_await values.receive()) ++seen[**value];
        };
        while (!values.is_closed() || values.size() > 0)
          co_await with_scope([&](scope& children) -> task<> {
            for (int i = 0; i < 3; ++i) children.spawn(receive());
            for (int i = 0; i < 3; ++i) co_await yield();
            children.request_stop();
          });
      });
  EXPECT_EQ(seen, std::vector<int>(count, 1));
}

TEST_P(cross_channel_of_capacity, loses_and_doubles_no_value_when_senders_are_stopped) {
  constexpr int count = 5'000;
  cross_channel<std::unique_ptr<int>> values(GetParam());
  int received = 0;
  run_on_threads(
      [&]() -> task<> {
        int next = 0;
        const auto send = [&]() -> task<> {
          while (next < count) {
            auto value = std::make_unique<int>(next);
            const auto sent = co_await values.send(std::move(value));
            EXPECT_EQ(sent.has_value(), !value);
            if (!sent) break;
            ++next;
          }
        };
        while (next < count)
          co_await with_scope([&](scope& children) -> task<> {
            children.spawn(send());
            for (int i = 0; i < 3; ++i) co_await yield();
            children.request_stop();
          });
        values.close();
      },
      [&]() -> task<> {
        while (const auto value = co_await values.receive()) {
          EXPECT_EQ(**value, received++);
          if (received % 5 == 0) co_await yield();
        }
      });
  EXPECT_EQ(received, count);
}

TEST_P(cross_channel_of_capacity, closed_from_a_thread_without_a_loop_ends_all_waits) {
  cross_channel<std::unique_ptr<int>> empty(GetParam());
  cross_channel<std::unique_ptr<int>> full(GetParam());
  while (full.try_send(std::make_unique<int>(1))) continue;
  std::latch waiting(2);
  std::atomic<int> ended = 0;
  const auto wait = [&]() -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i) {
        children.spawn([&]() -> task<> {
          ended += (co_await empty.receive()).error() == std::errc::broken_pipe;
        });
        children.spawn([&]() -> task<> {
          auto mine = std::make_unique<int>(2);
          ended += (co_await full.send(std::move(mine))).error() == std::errc::broken_pipe;
          EXPECT_TRUE(mine) << "the value that was not sent is gone";
        });
      }
      co_await yield();
      waiting.count_down();
    });
  };
  std::thread closing([&] {
    waiting.wait();
    empty.close();
    full.close();
  });
  run_on_threads(wait, wait);
  closing.join();
  EXPECT_EQ(ended, 12);
  EXPECT_EQ(full.size(), GetParam());
}

TEST_P(cross_channel_of_capacity, can_be_tried) {
  cross_channel<int> values(GetParam());
  EXPECT_EQ(values.try_receive().error(), std::errc::resource_unavailable_try_again);
  for (std::size_t i = 0; i < GetParam(); ++i) EXPECT_TRUE(values.try_send(static_cast<int>(i)));
  EXPECT_EQ(values.try_send(7).error(), std::errc::resource_unavailable_try_again);
  for (std::size_t i = 0; i < GetParam(); ++i)
    EXPECT_EQ(*values.try_receive(), static_cast<int>(i));
  values.close();
  EXPECT_EQ(values.try_send(7).error(), std::errc::broken_pipe);
  EXPECT_EQ(values.try_receive().error(), std::errc::broken_pipe);
}

TEST_P(cross_channel_of_capacity, serves_tasks_in_the_order_of_asking) {
  fake_world world;
  std::vector<int> order;
  world.run(invoke([&]() -> task<> {
    cross_channel<int> values(GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&, i]() -> task<> {
          EXPECT_EQ(*co_await values.receive(), i);
          order.push_back(i);
        });
      co_await yield();
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(values.try_send(i));
    });
    while (values.try_send(-1)) continue;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 5; i < 10; ++i)
        children.spawn([&, i]() -> task<> { EXPECT_TRUE(co_await values.send(i)); });
      co_await yield();
      while (const auto value = values.try_receive())
        if (*value >= 0) order.push_back(*value);
    });
  }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_P(cross_channel_of_capacity, delivers_what_was_handed_over_before_the_stop) {
  fake_world world;
  int received = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    cross_channel<int> values(GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { ++(co_await values.receive() ? received : stopped); });
      co_await yield();
      EXPECT_TRUE(values.try_send(1));
      EXPECT_TRUE(values.try_send(2));
      children.request_stop();
      EXPECT_EQ((co_await values.receive()).error(), std::errc::operation_canceled);
    });
  }));
  EXPECT_EQ(received, 2);
  EXPECT_EQ(stopped, 1);
}

INSTANTIATE_TEST_SUITE_P(cross_channel, cross_channel_of_capacity, ::testing::Values(0, 1, 3, 64));

TEST(cross_channel_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        fake_world world;
        world.run(invoke([]() -> task<> {
          std::optional<cross_channel<int>> values(std::in_place, 1);
          spawn(invoke([&]() -> task<> { (void)co_await values->receive(); }));
          co_await yield();
          values.reset();
        }));
      },
      "a cross_channel was destroyed while tasks wait for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
