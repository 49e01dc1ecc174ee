#include "gyre/runtime/select.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

template <template <class> class Channel>
void takes_what_is_there_and_leaves_the_others() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<int> numbers(2);
    Channel<std::string> words(2);
    EXPECT_TRUE(words.try_send("a"));
    auto got = co_await select(numbers.receive(), words.receive());
    EXPECT_EQ(got->index(), 1U);
    EXPECT_EQ(std::get<1>(*got), "a");
    EXPECT_TRUE(words.try_send("b"));
    EXPECT_TRUE(numbers.try_send(1));
    EXPECT_TRUE(co_await select(numbers.receive(), words.receive()));
    EXPECT_EQ(numbers.size() + words.size(), 1U) << "exactly one is taken";
  }());
}

TEST(select, takes_what_is_there_and_leaves_the_others) {
  takes_what_is_there_and_leaves_the_others<channel>();
  takes_what_is_there_and_leaves_the_others<cross_channel>();
}

template <template <class> class Channel>
void waits_for_the_first_and_leaves_the_others() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<int> first(0);
    Channel<int> second(0);
    Channel<int> third(0);
    int received = 0;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await select(first.receive(), second.receive(), third.receive());
        EXPECT_EQ(got->index(), 1U);
        received = std::get<1>(*got);
      });
      co_await yield();
      EXPECT_TRUE(second.try_send(5));
      EXPECT_FALSE(second.try_send(6)) << "it still stood there";
      EXPECT_FALSE(first.try_send(7));
      EXPECT_FALSE(third.try_send(8));
    });
    EXPECT_EQ(received, 5);
  }());
}

TEST(select, waits_for_the_first_and_leaves_the_others) {
  waits_for_the_first_and_leaves_the_others<channel>();
  waits_for_the_first_and_leaves_the_others<cross_channel>();
}

template <template <class> class Channel>
void sends_or_receives() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<std::unique_ptr<int>> out(1);
    Channel<int> in(1);
    auto value = std::make_unique<int>(1);
    auto got = co_await select(out.send(std::move(value)), in.receive());
    EXPECT_EQ(got->index(), 0U);
    EXPECT_FALSE(value);
    value = std::make_unique<int>(2);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto late = co_await select(out.send(std::move(value)), in.receive());
        EXPECT_EQ(late->index(), 1U);
        EXPECT_EQ(std::get<1>(*late), 3);
      });
      co_await yield();
      EXPECT_TRUE(in.try_send(3));
    });
    EXPECT_TRUE(value) << "what was not sent stays with its owner";
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto late = co_await select(out.send(std::move(value)), in.receive());
        EXPECT_EQ(late->index(), 0U);
      });
      co_await yield();
      for (int expected = 1; expected < 3; ++expected) {
        const auto taken = co_await out.receive();
        EXPECT_EQ(**taken, expected);
      }
    });
    EXPECT_FALSE(value);
  }());
}

TEST(select, sends_or_receives) {
  sends_or_receives<channel>();
  sends_or_receives<cross_channel>();
}

template <template <class> class Channel>
void lets_channels_that_always_have_something_have_their_turns() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<int> first(300);
    Channel<int> second(300);
    Channel<int> third(300);
    for (int i = 0; i < 300; ++i)
      for (auto* each : {&first, &second, &third}) EXPECT_TRUE(each->try_send(i));
    std::vector<int> taken(3);
    for (int i = 0; i < 300; ++i) {
      const auto got = co_await select(first.receive(), second.receive(), third.receive());
      ++taken[got->index()];
    }
    for (const int each : taken) EXPECT_NEAR(each, 100, 40);
  }());
}

TEST(select, lets_channels_that_always_have_something_have_their_turns) {
  lets_channels_that_always_have_something_have_their_turns<channel>();
  lets_channels_that_always_have_something_have_their_turns<cross_channel>();
}

template <template <class> class Channel>
void keeps_none_from_its_turn_whatever_others_take() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<int> full(1000);
    Channel<int> also_full(1000);
    Channel<int> empty(0);
    for (int i = 0; i < 1000; ++i)
      for (auto* each : {&full, &also_full}) EXPECT_TRUE(each->try_send(i));
    std::vector<int> taken(2);
    for (int i = 0; i < 300; ++i) {
      ++taken[(co_await select(full.receive(), also_full.receive()))->index()];
      EXPECT_EQ((co_await select(full.receive(), empty.receive()))->index(), 0U);
      EXPECT_TRUE(full.try_receive());
    }
    for (const int each : taken) EXPECT_NEAR(each, 150, 50);
  }());
}

TEST(select, keeps_none_from_its_turn_whatever_others_take) {
  keeps_none_from_its_turn_whatever_others_take<channel>();
  keeps_none_from_its_turn_whatever_others_take<cross_channel>();
}

template <template <class> class Channel>
void leaves_closed_channels_out_until_all_are() {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    Channel<char> first(2);
    Channel<char> second(2);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        while (const auto got = co_await select(first.receive(), second.receive()))
          order += got->index() == 0 ? std::get<0>(*got) : std::get<1>(*got);
        order += '.';
      });
      co_await yield();
      first.close();
      co_await yield();
      EXPECT_EQ(order, "") << "one of two is closed";
      EXPECT_TRUE(second.try_send('b'));
      co_await yield();
      co_await yield();
      EXPECT_TRUE(second.try_send('c'));
      EXPECT_TRUE(second.try_send('d'));
      second.close();
    });
    const auto last = co_await select(first.receive(), second.send('e'));
    EXPECT_EQ(last.error(), std::errc::broken_pipe);
  }));
  EXPECT_EQ(order, "bcd.");
}

TEST(select, leaves_closed_channels_out_until_all_are) {
  leaves_closed_channels_out_until_all_are<channel>();
  leaves_closed_channels_out_until_all_are<cross_channel>();
}

template <template <class> class Channel>
void closing_all_channels_ends_the_wait() {
  fake_world world;
  world.run([]() -> task<> {
    Channel<int> first(0);
    Channel<int> second(0);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await select(first.receive(), second.send(1));
        EXPECT_EQ(got.error(), std::errc::broken_pipe);
      });
      co_await yield();
      first.close();
      second.close();
    });
  }());
}

TEST(select, closing_all_channels_ends_the_wait) {
  closing_all_channels_ends_the_wait<channel>();
  closing_all_channels_ends_the_wait<cross_channel>();
}

template <template <class> class Channel>
void is_ended_by_a_stop_and_stands_nowhere_then() {
  fake_world world;
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    Channel<int> first(0);
    Channel<int> second(0);
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 2; ++i)
        children.spawn([&]() -> task<> {
          const auto got = co_await select(first.receive(), second.receive());
          stopped += got.error() == std::errc::operation_canceled;
          const auto again = co_await select(first.receive(), second.receive());
          stopped += again.error() == std::errc::operation_canceled;
        });
      co_await yield();
      children.request_stop();
      EXPECT_FALSE(first.try_send(1));
      EXPECT_FALSE(second.try_send(1));
    });
  }));
  EXPECT_EQ(stopped, 4);
}

TEST(select, is_ended_by_a_stop_and_stands_nowhere_then) {
  is_ended_by_a_stop_and_stands_nowhere_then<channel>();
  is_ended_by_a_stop_and_stands_nowhere_then<cross_channel>();
}

template <template <class> class Channel>
void delivers_what_was_handed_over_before_the_stop() {
  fake_world world;
  int received = 0;
  world.run(invoke([&]() -> task<> {
    Channel<int> first(0);
    Channel<int> second(0);
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await select(first.receive(), second.receive());
        received = std::get<1>(*got);
      });
      co_await yield();
      EXPECT_TRUE(second.try_send(5));
      children.request_stop();
    });
  }));
  EXPECT_EQ(received, 5);
}

TEST(select, delivers_what_was_handed_over_before_the_stop) {
  delivers_what_was_handed_over_before_the_stop<channel>();
  delivers_what_was_handed_over_before_the_stop<cross_channel>();
}

template <template <class> class Channel>
void meets_another_select_and_never_itself() {
  fake_world world;
  int sent = 0;
  int received = 0;
  world.run(invoke([&]() -> task<> {
    Channel<int> meeting(0);
    const auto meet = [&](int value) -> task<> {
      const auto met = co_await select(meeting.send(value), meeting.receive());
      if (met->index() == 0)
        ++sent;
      else
        received += std::get<1>(*met);
    };
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(meet(1));
      for (int i = 0; i < 3; ++i) co_await yield();
      EXPECT_EQ(sent + received, 0) << "met itself";
      children.spawn(meet(1));
    });
  }));
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(received, 1);
}

TEST(select, meets_another_select_and_never_itself) {
  meets_another_select_and_never_itself<channel>();
  meets_another_select_and_never_itself<cross_channel>();
}

template <template <class> class Channel>
void loses_and_doubles_nothing_among_many() {
  fake_world world;
  std::vector<int> seen(1000);
  int stopped = 0;
  world.run(invoke([&]() -> task<> {
    Channel<std::unique_ptr<int>> first(0);
    Channel<std::unique_ptr<int>> second(3);
    int left = 1000;
    co_await with_scope([&](scope& receivers) -> task<> {
      for (int i = 0; i < 5; ++i)
        receivers.spawn([&, i]() -> task<> {
          while (const auto got = co_await select(first.receive(), second.receive())) {
            ++seen[*(got->index() == 0 ? std::get<0>(*got) : std::get<1>(*got))];
            --left;
            for (int slow = 0; slow < i; ++slow) co_await yield();
          }
          ++stopped;
        });
      co_await with_scope([&](scope& senders) -> task<> {
        for (int sender = 0; sender < 4; ++sender)
          senders.spawn([&, sender]() -> task<> {
            for (int i = 0; i < 250; ++i) {
              auto value = std::make_unique<int>(sender * 250 + i);
              const auto sent =
                  co_await select(first.send(std::move(value)), second.send(std::move(value)));
              EXPECT_TRUE(sent);
              EXPECT_FALSE(value);
              if (i % 10 == sender) co_await yield();
            }
          });
        co_return;
      });
      while (left > 0) co_await yield();
      receivers.request_stop();
    });
  }));
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
  EXPECT_EQ(stopped, 5);
}

TEST(select, loses_and_doubles_nothing_among_many) {
  loses_and_doubles_nothing_among_many<channel>();
  loses_and_doubles_nothing_among_many<cross_channel>();
}

}  // namespace
}  // namespace gyre::testing_runtime
