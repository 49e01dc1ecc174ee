#include "gyre/runtime/once.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

TEST(once, is_called_by_the_first_and_waited_for_by_the_others) {
  fake_world world;
  int calls = 0;
  int went_on = 0;
  world.run(invoke([&]() -> task<> {
    once started;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&]() -> task<> {
          EXPECT_TRUE(co_await started.call([&]() -> task<result<void>> {
            ++calls;
            for (int slow = 0; slow < 5; ++slow) co_await yield();
            co_return result<void>();
          }));
          EXPECT_TRUE(started.is_done());
          ++went_on;
        });
      co_await yield();
      co_await yield();
      EXPECT_FALSE(started.is_done());
      EXPECT_EQ(went_on, 0);
    });
    EXPECT_TRUE(co_await started.call([]() -> task<result<void>> {
      ADD_FAILURE() << "it was done before";
      co_return result<void>();
    }));
  }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(went_on, 5);
}

TEST(once, that_failed_is_tried_by_the_next) {
  fake_world world;
  std::string order;
  world.run(invoke([&]() -> task<> {
    once started;
    co_await with_scope([&](scope& children) -> task<> {
      for (char name : {'a', 'b', 'c', 'd'})
        children.spawn([&, name]() -> task<> {
          try {
            const auto called = co_await started.call([&]() -> task<result<void>> {
              co_await yield();
              if (name == 'a') co_return std::errc::io_error;
              if (name == 'b') throw std::runtime_error("b");
              co_return result<void>();
            });
            order += called ? name : '-';
            EXPECT_TRUE(called || called.error() == std::errc::io_error);
          } catch (const std::runtime_error&) {
            order += '!';
          }
        });
      co_return;
    });
    EXPECT_TRUE(started.is_done());
  }));
  EXPECT_EQ(order, "-!cd");
}

TEST(once, that_was_stopped_is_tried_by_the_next) {
  fake_world world;
  int calls = 0;
  world.run(invoke([&]() -> task<> {
    once started;
    event open;
    const auto call = [&](bool done) -> task<> {
      const auto called = co_await started.call([&]() -> task<result<void>> {
        ++calls;
        co_return co_await open.wait();
      });
      EXPECT_EQ(called.has_value(), done);
    };
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& inner) -> task<> {
          inner.spawn(call(false));  // the one who is at it
          co_await yield();
          inner.spawn(call(false));  // one who waits
          co_await yield();
          co_await yield();
          inner.request_stop();
        });
      });
      for (int i = 0; i < 3; ++i) co_await yield();
      children.spawn(call(true));
      for (int i = 0; i < 5; ++i) co_await yield();
      EXPECT_EQ(calls, 2);
      open.set();
    });
    EXPECT_TRUE(started.is_done());
  }));
}

TEST(lazy, makes_its_value_once) {
  fake_world world;
  int made = 0;
  world.run(invoke([&]() -> task<> {
    lazy<std::unique_ptr<int>> value;
    EXPECT_EQ(value.get_if(), nullptr);
    const auto make = [&]() -> task<result<std::unique_ptr<int>>> {
      co_await yield();
      co_return std::make_unique<int>(++made);
    };
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&]() -> task<> {
          const auto got = co_await value.get(make);
          EXPECT_EQ(***got, 1);
          EXPECT_EQ(*got, value.get_if());
        });
      co_return;
    });
    EXPECT_EQ(***co_await value.get(make), 1);
  }));
  EXPECT_EQ(made, 1);
}

TEST(lazy, that_could_not_be_made_is_tried_by_the_next) {
  fake_world world;
  int tries = 0;
  world.run(invoke([&]() -> task<> {
    lazy<int> value;
    const auto make = [&]() -> task<result<int>> {
      co_await yield();
      if (++tries < 3) co_return std::errc::io_error;
      co_return 7;
    };
    int failed = 0;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 5; ++i)
        children.spawn([&]() -> task<> {
          const auto got = co_await value.get(make);
          failed += got.error() == std::errc::io_error;
          EXPECT_TRUE(!got || **got == 7);
        });
      co_return;
    });
    EXPECT_EQ(failed, 2);
  }));
  EXPECT_EQ(tries, 3);
}

}  // namespace
}  // namespace gyre::testing_runtime
