#include "gyre/runtime/channel.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

class channel_of_capacity : public ::testing::TestWithParam<std::size_t> {};

TEST_P(channel_of_capacity, carries_all_values_in_order) {
  fake_world world;
  int received = 0;
  world.run(invoke([&]() -> task<> {
    channel<int> values(GetParam());
    EXPECT_EQ(values.capacity(), GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        for (int i = 0; i < 1000; ++i) {
          EXPECT_TRUE(co_await values.send(i));
          EXPECT_LE(values.size(), values.capacity());
          if (i % 7 == 0) co_await yield();
        }
        values.close();
      });
      children.spawn([&]() -> task<> {
        while (const auto value = co_await values.receive()) {
          EXPECT_EQ(*value, received++);
          if (received % 11 == 0) co_await yield();
        }
      });
      co_return;
    });
  }));
  EXPECT_EQ(received, 1000);
}

TEST_P(channel_of_capacity, carries_each_value_once_between_many) {
  fake_world world;
  std::vector<int> seen(1000);
  world.run(invoke([&]() -> task<> {
    channel<std::unique_ptr<int>> values(GetParam());
    int sending = 10;
    co_await with_scope([&](scope& children) -> task<> {
      for (int sender = 0; sender < 10; ++sender)
        children.spawn([&, sender]() -> task<> {
          for (int i = 0; i < 100; ++i) {
            EXPECT_TRUE(co_await values.send(std::make_unique<int>(sender * 100 + i)));
            if ((i + sender) % 5 == 0) co_await yield();
          }
          if (--sending == 0) values.close();
        });
      for (int receiver = 0; receiver < 7; ++receiver)
        children.spawn([&]() -> task<> {
          while (const auto value = co_await values.receive()) {
            ++seen[**value];
            if (**value % 3 == 0) co_await yield();
          }
        });
      co_return;
    });
  }));
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
}

TEST_P(channel_of_capacity, serves_receivers_and_senders_in_the_order_of_asking) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    channel<char> values(GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&, i]() -> task<> {
          const auto value = co_await values.receive();
          order += static_cast<char>('0' + i);
          order += *value;
        });
      co_await yield();
      for (const char value : {'a', 'b', 'c', 'd', 'e'}) EXPECT_TRUE(values.try_send(value));
    });
    EXPECT_EQ(order, "0a1b2c3d4e");
    order.clear();
    while (values.try_send('-')) continue;
    co_await with_scope([&](scope& children) -> task<> {
      for (const char value : {'a', 'b', 'c', 'd', 'e'})
        children.spawn([&, value]() -> task<> { EXPECT_TRUE(co_await values.send(value)); });
      co_await yield();
      while (const auto value = values.try_receive())
        if (*value != '-') order += *value;
    });
  }));
  EXPECT_EQ(order, "abcde");
}

TEST_P(channel_of_capacity, can_be_tried) {
  channel<int> values(GetParam());
  EXPECT_EQ(values.try_receive().error(), std::errc::resource_unavailable_try_again);
  for (std::size_t i = 0; i < GetParam(); ++i) EXPECT_TRUE(values.try_send(static_cast<int>(i)));
  EXPECT_EQ(values.try_send(7).error(), std::errc::resource_unavailable_try_again);
  EXPECT_EQ(values.size(), GetParam());
  for (std::size_t i = 0; i < GetParam(); ++i)
    EXPECT_EQ(*values.try_receive(), static_cast<int>(i));
  values.close();
  EXPECT_EQ(values.try_send(7).error(), std::errc::broken_pipe);
  EXPECT_EQ(values.try_receive().error(), std::errc::broken_pipe);
}

TEST_P(channel_of_capacity, closed_gives_what_is_left_and_ends_all_waits) {
  fake_world world;
  int refused = 0;
  world.run(invoke([&]() -> task<> {
    channel<std::unique_ptr<int>> values(GetParam());
    for (std::size_t i = 0; i < GetParam(); ++i)
      EXPECT_TRUE(co_await values.send(std::make_unique<int>(1)));
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          auto mine = std::make_unique<int>(2);
          EXPECT_EQ((co_await values.send(std::move(mine))).error(), std::errc::broken_pipe);
          EXPECT_TRUE(mine) << "the value that was not sent is gone";
          ++refused;
        });
      co_await yield();
      values.close();
      values.close();
      EXPECT_TRUE(values.is_closed());
    });
    for (std::size_t i = 0; i < GetParam(); ++i) EXPECT_EQ(**co_await values.receive(), 1);
    EXPECT_EQ((co_await values.receive()).error(), std::errc::broken_pipe);
    auto late = std::make_unique<int>(3);
    EXPECT_EQ((co_await values.send(std::move(late))).error(), std::errc::broken_pipe);
    EXPECT_TRUE(late);
  }));
  EXPECT_EQ(refused, 3);
}

TEST_P(channel_of_capacity, closed_ends_the_wait_of_receivers) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    channel<int> values(GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          const auto value = co_await values.receive();
          if (value.error() == std::errc::broken_pipe) ++ended;
        });
      co_await yield();
      EXPECT_TRUE(values.try_send(1));
      values.close();
    });
  }));
  EXPECT_EQ(ended, 2) << "one of three got the value";
}

TEST_P(channel_of_capacity, leaves_the_value_to_a_sender_that_is_stopped) {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    channel<std::unique_ptr<int>> values(GetParam());
    while (values.try_send(std::make_unique<int>(1))) continue;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          auto mine = std::make_unique<int>(2);
          const auto sent = co_await values.send(std::move(mine));
          EXPECT_EQ(sent.error(), std::errc::operation_canceled);
          EXPECT_TRUE(mine);
          ++stopped;
        });
      co_await yield();
      children.request_stop();
    });
    for (std::size_t i = 0; i < GetParam(); ++i) EXPECT_EQ(**values.try_receive(), 1);
    EXPECT_FALSE(values.try_receive());
  }));
  EXPECT_EQ(stopped, 3);
}

TEST_P(channel_of_capacity, delivers_what_was_handed_over_before_the_stop) {
  fake_world world;
  int received = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    channel<std::unique_ptr<int>> values(GetParam());
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> { ++(co_await values.receive() ? received : stopped); });
      co_await yield();
      EXPECT_TRUE(values.try_send(std::make_unique<int>(1)));
      EXPECT_TRUE(values.try_send(std::make_unique<int>(2)));
      children.request_stop();
    });
    EXPECT_EQ(values.size(), 0U);
  }));
  EXPECT_EQ(received, 2);
  EXPECT_EQ(stopped, 1);
}

TEST_P(channel_of_capacity, counts_as_sent_what_was_taken_before_the_stop) {
  fake_world world;
  int sent = 0;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    channel<std::unique_ptr<int>> values(GetParam());
    while (values.try_send(std::make_unique<int>(1))) continue;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          auto mine = std::make_unique<int>(2);
          const auto outcome = co_await values.send(std::move(mine));
          EXPECT_EQ(outcome.has_value(), !mine);
          ++(outcome ? sent : stopped);
        });
      co_await yield();
      EXPECT_TRUE(co_await values.receive());
      children.request_stop();
    });
  }));
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(stopped, 2);
}

TEST_P(channel_of_capacity, begins_nothing_for_a_stopped_task) {
  fake_world world;
  world.run(invoke([&]() -> task<> {
    channel<int> values(GetParam());
    (void)values.try_send(1);
    const auto size = values.size();
    co_await with_scope([&](scope& children) -> task<> {
      children.request_stop();
      EXPECT_EQ((co_await values.receive()).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await values.send(2)).error(), std::errc::operation_canceled);
    });
    EXPECT_EQ(values.size(), size);
  }));
}

INSTANTIATE_TEST_SUITE_P(channel, channel_of_capacity, ::testing::Values(0, 1, 2, 3, 64));

TEST(channel, sends_copies_of_what_is_kept) {
  fake_world world;
  world.run([]() -> task<> {
    channel<std::string> words(2);
    const std::string kept = "a word that is too long to lie within a string";
    std::string named = kept;
    EXPECT_TRUE(co_await words.send(kept));
    EXPECT_TRUE(co_await words.send(named));
    EXPECT_EQ(words.try_send(kept).error(), std::errc::resource_unavailable_try_again);
    EXPECT_EQ(*co_await words.receive(), kept);
    EXPECT_TRUE(words.try_send(named));
    EXPECT_EQ(named, kept);
    EXPECT_EQ(*co_await words.receive(), kept);
    EXPECT_EQ(*co_await words.receive(), kept);
  }());
}

TEST(channel, without_room_keeps_a_sender_until_its_value_is_taken) {
  fake_world world;
  world.run([]() -> task<> {
    channel<int> values(0);
    bool sent = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> { sent = (co_await values.send(1)).has_value(); });
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_FALSE(sent);
      EXPECT_EQ(*co_await values.receive(), 1);
    });
    EXPECT_TRUE(sent);
  }());
}

TEST(channel, destroys_the_values_that_nobody_received) {
  const auto value = std::make_shared<int>(1);
  {
    channel<std::shared_ptr<int>> values(5);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(values.try_send(value));
    EXPECT_TRUE(values.try_receive());
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(values.try_send(value));
    EXPECT_EQ(value.use_count(), 6);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(channel_death, destroyed_while_a_task_waits_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto destroy = [](bool sends) {
    fake_world world;
    world.run(invoke([&]() -> task<> {
      std::optional<channel<int>> values(std::in_place, 0);
      spawn(invoke([&]() -> task<> {
        if (sends)
          (void)co_await values->send(1);
        else
          (void)co_await values->receive();
      }));
      co_await yield();
      values.reset();
    }));
  };
  EXPECT_DEATH(destroy(true), "a channel was destroyed while tasks wait for it");
  EXPECT_DEATH(destroy(false), "a channel was destroyed while tasks wait for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
