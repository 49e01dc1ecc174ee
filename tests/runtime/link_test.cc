#include "gyre/runtime/link.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <tuple>
#include <vector>

#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre {
namespace {

using testing_runtime::fake_world;
using testing_runtime::request;

using answers = std::tuple<result<int>, result<int>, result<int>>;

/// Links three requests, while `kernel` says how they end, and gives what they came to.
template <class Kernel>
answers results_of(link_kind kind, bool together, Kernel kernel) {
  fake_world world;
  world.kernel.links = together;
  answers all{0, 0, 0};
  world.run([](auto& world, auto& all, auto kind, auto& kernel) -> task<> {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        if (kind == link_kind::soft)
          all = co_await link(request(), request(), request());
        else
          all = co_await hard_link(request(), request(), request());
      });
      co_await yield();
      co_await kernel(world.kernel, children);
      EXPECT_TRUE(world.kernel.in_flight().empty());
    });
  }(world, all, kind, kernel));
  return all;
}

/// Ends the operations that are in flight now, in an order and with a result of the test's choice.
class ending {
 public:
  ending(std::size_t index, int answer) noexcept : index(index), answer(answer) {}
  std::size_t index;
  int answer;
};
void finish(testing_runtime::fake_backend& kernel, const std::vector<ending>& endings) {
  const std::vector<operation*> linked = kernel.in_flight();
  for (const ending& each : endings) kernel.finish(*linked.at(each.index), each.answer);
}

void expect(const answers& all, const result<int>& a, const result<int>& b, const result<int>& c) {
  const auto same = [](const result<int>& got, const result<int>& wanted) {
    EXPECT_EQ(got.error(), wanted.error());
    EXPECT_EQ(got ? *got : 0, wanted ? *wanted : 0);
  };
  same(std::get<0>(all), a);
  same(std::get<1>(all), b);
  same(std::get<2>(all), c);
}

TEST(link, one_after_the_other_where_they_cannot_go_together) {
  const answers all = results_of(link_kind::soft, false, [](auto& kernel, scope&) -> task<> {
    for (int i = 1; i <= 3; ++i) {
      EXPECT_EQ(kernel.in_flight().size(), 1U);
      finish(kernel, {{0, i}});
      co_await yield();
    }
  });
  expect(all, 1, 2, 3);
}

TEST(link, completions_come_in_any_order) {
  for (const link_kind kind : {link_kind::soft, link_kind::hard}) {
    const answers all = results_of(kind, true, [](auto& kernel, scope&) -> task<> {
      EXPECT_EQ(kernel.in_flight().size(), 3U);
      finish(kernel, {{2, 3}, {0, 1}, {1, 2}});
      co_return;
    });
    expect(all, 1, 2, 3);
  }
}

TEST(link, a_failure_is_an_answer) {
  for (const bool together : {true, false}) {
    const answers all = results_of(link_kind::soft, together, [=](auto& kernel, scope&) -> task<> {
      if (together) {
        finish(kernel, {{0, 1}, {1, -EIO}, {2, -ECANCELED}});
      } else {
        finish(kernel, {{0, 1}});
        co_await yield();
        finish(kernel, {{0, -EIO}});
      }
      co_await yield();
    });
    expect(all, 1, std::errc::io_error, std::errc::operation_canceled);
  }
}

TEST(link, a_hard_link_goes_on_after_a_failure) {
  const answers all = results_of(link_kind::hard, false, [](auto& kernel, scope&) -> task<> {
    for (const int answer : {-EIO, -EINTR, 3}) {
      finish(kernel, {{0, answer}});
      co_await yield();
    }
  });
  expect(all, std::errc::io_error, std::errc::interrupted, 3);
}

TEST(link, an_interruption_that_cut_a_link_is_no_answer) {
  const answers all = results_of(link_kind::soft, true, [](auto& kernel, scope&) -> task<> {
    finish(kernel, {{0, 1}, {1, -EINTR}, {2, -ECANCELED}});
    co_await yield();
    for (const int answer : {2, 3}) {
      EXPECT_EQ(kernel.in_flight().size(), 1U);
      finish(kernel, {{0, answer}});
      co_await yield();
    }
  });
  expect(all, 1, 2, 3);
}

TEST(link, what_was_cut_after_a_success_goes_on) {
  const answers all = results_of(link_kind::soft, true, [](auto& kernel, scope&) -> task<> {
    finish(kernel, {{0, 1}, {1, -ECANCELED}, {2, -ECANCELED}});
    co_await yield();
    for (const int answer : {2, 3}) {
      EXPECT_EQ(kernel.in_flight().size(), 1U);
      finish(kernel, {{0, answer}});
      co_await yield();
    }
  });
  expect(all, 1, 2, 3);
}

// The kernel looks at all of a link before it begins the first, and gives all of it up for one.
TEST(link, what_is_invalid_fails_at_its_turn) {
  const answers all = results_of(link_kind::soft, true, [](auto& kernel, scope&) -> task<> {
    finish(kernel, {{0, -ECANCELED}, {1, -EINVAL}, {2, -ECANCELED}});
    co_await yield();
    EXPECT_EQ(kernel.in_flight().size(), 1U);
    finish(kernel, {{0, 1}});
    co_await yield();
  });
  expect(all, 1, std::errc::invalid_argument, std::errc::operation_canceled);
}

TEST(link, what_a_hard_link_came_to_is_not_repeated) {
  const answers all = results_of(link_kind::hard, true, [](auto& kernel, scope&) -> task<> {
    finish(kernel, {{0, -EINTR}, {1, 2}, {2, 3}});
    co_await yield();
  });
  expect(all, std::errc::interrupted, 2, 3);
}

TEST(link, a_stop_asks_the_first_that_has_not_ended) {
  const answers all = results_of(link_kind::soft, true, [](auto& kernel, scope& link) -> task<> {
    kernel.cancels = false;
    const std::vector<operation*> linked = kernel.in_flight();
    kernel.finish(*linked[0], 1);
    link.request_stop();
    EXPECT_TRUE(linked[1]->stop_requested());
    EXPECT_FALSE(linked[2]->stop_requested());
    // It had succeeded already: the last has begun, and is asked in its turn.
    kernel.finish(*linked[1], 2);
    EXPECT_TRUE(linked[2]->stop_requested());
    kernel.finish(*linked[2], -ECANCELED);
    co_return;
  });
  expect(all, 1, 2, std::errc::operation_canceled);
}

TEST(link, nothing_begins_after_a_stop) {
  for (const bool together : {true, false}) {
    const answers all =
        results_of(link_kind::soft, together, [=](auto& kernel, scope& link) -> task<> {
          kernel.cancels = false;
          link.request_stop();
          finish(kernel, together ? std::vector<ending>{{0, 1}, {1, -ECANCELED}, {2, -ECANCELED}}
                                  : std::vector<ending>{{0, 1}});
          co_await yield();
        });
    expect(all, 1, std::errc::operation_canceled, std::errc::operation_canceled);
  }
}

TEST(link, a_descriptor_counts_what_has_yet_to_begin) {
  for (const bool together : {true, false}) {
    fake_world world;
    world.kernel.links = together;
    world.run([](fake_world& world) -> task<> {
      descriptor_users first;
      descriptor_users second;
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn([&]() -> task<> {
          auto [a, b] = co_await link(request(&first), request(&second));
          EXPECT_EQ(a.error(), std::errc::operation_canceled);
          EXPECT_EQ(b.error(), std::errc::operation_canceled);
        });
        co_await yield();
        EXPECT_TRUE(second.any());
        second.begin_closing();
        world.home.cancel_all(second);
        // What a ring would do with what follows on a cancelled operation.
        while (!world.kernel.in_flight().empty())
          world.kernel.finish(*world.kernel.in_flight().front(), -ECANCELED);
        co_await users_left(second);
        EXPECT_FALSE(first.any());
      });
    }(world));
  }
}

TEST(link, what_is_there_at_once_does_not_wait) {
  fake_world world;
  world.kernel.at_once = true;
  world.run([]() -> task<> {
    for (int i = 0; i < 100; ++i) {
      auto [a, b] = co_await link(request(), request());
      EXPECT_EQ(a.value() + b.value(), 14);
    }
  }());
}

}  // namespace
}  // namespace gyre
