#include "gyre/runtime/broadcast.h"

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

TEST(broadcast, gives_each_value_to_all_in_order) {
  fake_world world;
  int ended = 0;
  world.run(invoke([&]() -> task<> {
    broadcast<std::string> news(8);
    const auto listen = [&](broadcast<std::string>::subscription heard) -> task<> {
      for (int i = 0; i < 100; ++i) EXPECT_EQ(*co_await heard.receive(), std::to_string(i));
      EXPECT_EQ((co_await heard.receive()).error(), std::errc::broken_pipe);
      ++ended;
    };
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i) children.spawn(listen(news.subscribe()));
      EXPECT_EQ(news.subscriptions(), 5U);
      for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(news.send(std::to_string(i)));
        if (i % 8 == 7) co_await yield();
      }
      news.close();
      EXPECT_TRUE(news.is_closed());
      EXPECT_EQ(news.send("late").error(), std::errc::broken_pipe);
    });
    EXPECT_EQ(news.subscriptions(), 0U);
  }));
  EXPECT_EQ(ended, 5);
}

TEST(broadcast, begins_with_what_is_sent_after_subscribing) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<int> news(8);
    EXPECT_TRUE(news.send(1));
    auto heard = news.subscribe();
    EXPECT_EQ(heard.try_receive().error(), std::errc::resource_unavailable_try_again);
    EXPECT_TRUE(news.send(2));
    EXPECT_EQ(*co_await heard.receive(), 2);
    EXPECT_TRUE(news.send(3));
    auto moved = std::move(heard);
    EXPECT_EQ(*moved.try_receive(), 3);
    EXPECT_EQ(moved.missed(), 0U);
  }());
}

TEST(broadcast, tells_slow_receivers_how_many_they_missed) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<int> news(3);
    auto slow = news.subscribe();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(news.send(i));
    EXPECT_EQ((co_await slow.receive()).error(), std::errc::no_buffer_space);
    EXPECT_EQ(slow.missed(), 7U);
    for (int i = 7; i < 10; ++i) EXPECT_EQ(*co_await slow.receive(), i);
    for (int i = 10; i < 13; ++i) EXPECT_TRUE(news.send(i));
    EXPECT_EQ(*co_await slow.receive(), 10) << "it had room for all three";
    EXPECT_TRUE(news.send(13));
    EXPECT_TRUE(news.send(14));
    news.close();
    EXPECT_EQ((co_await slow.receive()).error(), std::errc::no_buffer_space);
    EXPECT_EQ(slow.missed(), 1U);
    for (int i = 12; i < 15; ++i) EXPECT_EQ(*co_await slow.receive(), i);
    EXPECT_EQ((co_await slow.receive()).error(), std::errc::broken_pipe);
  }());
}

TEST(broadcast, tells_a_receiver_that_was_overrun_between_its_wait_and_its_turn) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<int> news(2);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto heard = news.subscribe();
        EXPECT_EQ((co_await heard.receive()).error(), std::errc::no_buffer_space);
        EXPECT_EQ(heard.missed(), 1U);
        EXPECT_EQ(*co_await heard.receive(), 1);
      });
      co_await yield();
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(news.send(i));
    });
  }());
}

TEST(broadcast, wait_is_ended_by_a_stop_and_by_closing) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<int> news(2);
    const auto hear = [&](std::errc end) -> task<> {
      auto heard = news.subscribe();
      EXPECT_EQ((co_await heard.receive()).error(), end);
      EXPECT_EQ((co_await heard.receive()).error(), end);
    };
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i) children.spawn(hear(std::errc::operation_canceled));
      co_await yield();
      children.request_stop();
      EXPECT_TRUE(news.send(1));
    });
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i) children.spawn(hear(std::errc::broken_pipe));
      co_await yield();
      news.close();
    });
  }());
}

TEST(broadcast, delivers_what_was_sent_before_the_stop) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<int> news(2);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto heard = news.subscribe();
        EXPECT_EQ(*co_await heard.receive(), 1);
        EXPECT_EQ((co_await heard.receive()).error(), std::errc::operation_canceled);
        EXPECT_EQ(*heard.try_receive(), 2) << "what came after the stop is not lost";
      });
      co_await yield();
      EXPECT_TRUE(news.send(1));
      children.request_stop();
      EXPECT_TRUE(news.send(2));
    });
  }());
}

/// Sends a number where it is told to, at its end.
class last_word {
 public:
  explicit last_word(int number) noexcept : number(number) {}
  ~last_word() {
    if (to) {
      EXPECT_TRUE(to->send(std::make_shared<last_word>(100)));
    }
  }

  int number;
  broadcast<std::shared_ptr<last_word>>* to = nullptr;
};

TEST(broadcast, may_be_sent_to_by_what_it_replaces) {
  fake_world world;
  world.run([]() -> task<> {
    broadcast<std::shared_ptr<last_word>> news(2);
    auto heard = news.subscribe();
    auto first = std::make_shared<last_word>(0);
    first->to = &news;
    EXPECT_TRUE(news.send(std::move(first)));
    EXPECT_TRUE(news.send(std::make_shared<last_word>(1)));
    EXPECT_TRUE(news.send(std::make_shared<last_word>(2)));
    EXPECT_EQ((co_await heard.receive()).error(), std::errc::no_buffer_space);
    EXPECT_EQ((*co_await heard.receive())->number, 2);
    EXPECT_EQ((*co_await heard.receive())->number, 100);
  }());
}

TEST(broadcast_death, destroyed_with_subscriptions_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        std::optional<broadcast<int>> news(std::in_place, 1);
        const auto heard = news->subscribe();
        news.reset();
      },
      "a broadcast was destroyed that has subscriptions");
  EXPECT_DEATH(broadcast<int>(0), "a broadcast keeps one value at least");
}

TEST(broadcast_death, sharing_or_destroying_a_subscription_that_is_waited_for_ends_the_process) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto while_waiting = [](auto misuse) {
    fake_world world;
    world.run(invoke([&]() -> task<> {
      broadcast<int> news(1);
      auto heard = std::make_unique<broadcast<int>::subscription>(news);
      spawn(invoke([&]() -> task<> { (void)co_await heard->receive(); }));
      co_await yield();
      misuse(heard);
    }));
  };
  EXPECT_DEATH(while_waiting([](auto& heard) { (void)heard->try_receive(); }),
               "two tasks receive from one subscription");
  EXPECT_DEATH(while_waiting([](auto& heard) { auto moved = std::move(*heard); }),
               "a subscription was moved while a task waits for it");
  EXPECT_DEATH(while_waiting([](auto& heard) { heard.reset(); }),
               "a subscription was destroyed while a task waits for it");
}

}  // namespace
}  // namespace gyre::testing_runtime
