#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/async_generator.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/stop_on.h"
#include "gyre/runtime/task_group.h"
#include "gyre/runtime/when_all.h"
#include "gyre/runtime/when_any.h"
#include "gyre/runtime/with_stop_token.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

// How tasks are begun, awaited together, ended and handed on, with the kernel under them. Each of
// these is swept as well: stopped at every place, and with every allocation failing.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

pipe make_pipe() {
  return pipe::create(4096).value();
}

task<char> read_one(pipe& from) {
  std::array<std::byte, 1> byte;
  require((co_await op::read(from.read_end, byte)).value() == 1);
  co_return std::to_integer<char>(byte[0]);
}

task<> write_later(pipe& to, std::string text, std::chrono::microseconds span) {
  (void)co_await sleep_for(span);
  require((co_await op::write(to.write_end, bytes_of(text))).value() == text.size());
}

GYRE_TEST(scopes, hand_up_what_their_body_returns) {
  pipe between = make_pipe();
  const std::string heard = co_await with_scope([&](scope& children) -> task<std::string> {
    children.spawn(write_later(between, "abc", 100us));
    std::string all;
    while (all.size() < 3) all += co_await read_one(between);
    co_return all;
  });
  EXPECT_EQ(heard, "abc");
}

GYRE_TEST(scopes, stop_what_waits_for_the_kernel_when_one_fails) {
  pipe silent = make_pipe();
  int stopped = 0;
  std::string said;
  try {
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 3; ++i)
        children.spawn([&]() -> task<> {
          std::array<std::byte, 1> byte;
          const auto got = co_await op::read(silent.read_end, byte);
          stopped += got.error() == std::errc::operation_canceled;
        });
      (co_await sleep_for(100us)).value();
      throw std::runtime_error("the body");
    });
  } catch (const std::runtime_error& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "the body");
  EXPECT_EQ(stopped, 3);
}

GYRE_TEST(task_groups, hand_out_what_comes_from_the_kernel_as_it_comes) {
  std::vector<pipe> pipes;
  for (int i = 0; i < 3; ++i) pipes.push_back(make_pipe());
  std::string order;
  co_await with_task_group<char>([&](task_group<char>& group) -> task<> {
    for (pipe& each : pipes) group.spawn(read_one(each));
    for (const std::size_t which : {2, 0, 1}) {
      const std::string_view name = std::string_view("abc").substr(which, 1);
      (co_await op::write(pipes[which].write_end, bytes_of(name))).value();
      const auto got = co_await group.next();
      require(got.has_value());
      order += *got;
    }
  });
  EXPECT_EQ(order, "cab");
}

GYRE_TEST(task_groups, lose_nothing_to_a_deadline_of_next) {
  pipe between = make_pipe();
  co_await with_task_group<char>([&](task_group<char>& group) -> task<> {
    group.spawn(read_one(between));
    EXPECT_FALSE((co_await with_timeout(group.next(), 100us)).value_or(std::nullopt));
    EXPECT_EQ(group.size(), 1U);
    (co_await op::write(between.write_end, bytes_of("x"))).value();
    EXPECT_EQ(co_await group.next(), 'x');
  });
}

GYRE_TEST(task_groups, stop_and_join_what_their_body_leaves_behind_by_an_exception) {
  pipe silent = make_pipe();
  bool thrown = false;
  try {
    co_await with_task_group<char>([&](task_group<char>& group) -> task<> {
      for (int i = 0; i < 3; ++i) group.spawn(read_one(silent));
      (co_await sleep_for(100us)).value();
      throw std::runtime_error("enough");
    });
  } catch (const std::runtime_error&) {
    thrown = true;
  }
  EXPECT_TRUE(thrown);
  (co_await op::write(silent.write_end, bytes_of("y"))).value();
  EXPECT_EQ(co_await read_one(silent), 'y') << "nobody else reads any more";
}

GYRE_TEST(when_all_of, operations_and_tasks_gives_what_each_came_to) {
  pipe one = make_pipe();
  pipe other = make_pipe();
  const auto [first, second, sent, slept] =
      co_await when_all(read_one(one), read_one(other), write_later(other, "o", 100us),
                        op::write(one.write_end, bytes_of("1")));
  EXPECT_EQ(first, '1');
  EXPECT_EQ(second, 'o');
  EXPECT_EQ(slept.value(), 1U);
  std::vector<task<char>> reads;
  for (int i = 0; i < 5; ++i) reads.push_back(read_one(one));
  (co_await op::write(one.write_end, bytes_of("aaaaa"))).value();
  EXPECT_EQ(co_await when_all(std::move(reads)), std::vector<char>(5, 'a'));
}

GYRE_TEST(when_all_of, a_failure_and_what_waits_ends_with_that_failure) {
  pipe silent = make_pipe();
  const auto fail = []() -> task<> {
    (co_await sleep_for(100us)).value();
    throw std::runtime_error("one of them");
  };
  std::string said;
  std::array<std::byte, 1> byte;
  try {
    (void)co_await when_all(op::read(silent.read_end, byte), fail());
  } catch (const std::runtime_error& error) {
    said = error.what();
  }
  EXPECT_EQ(said, "one of them");
}

GYRE_TEST(when_any_of, several_cancels_and_joins_the_losers) {
  pipe silent = make_pipe();
  pipe quick = make_pipe();
  std::array<std::byte, 1> lost;
  std::array<std::byte, 1> won;
  const auto first =
      co_await when_any(op::read(silent.read_end, lost), op::read(quick.read_end, won),
                        write_later(quick, "q", 2ms), sleep_for(1h));
  EXPECT_TRUE(first.index() == 1 || first.index() == 2) << first.index();
  // The loser's read has ended: it takes nothing, and writes nowhere.
  (co_await op::write(silent.write_end, bytes_of("s"))).value();
  EXPECT_EQ(co_await read_one(silent), 's');
}

GYRE_TEST(when_any_of, a_range_tells_which_was_the_first) {
  std::vector<pipe> pipes;
  for (int i = 0; i < 4; ++i) pipes.push_back(make_pipe());
  std::vector<task<char>> reads;
  for (pipe& each : pipes) reads.push_back(read_one(each));
  (co_await op::write(pipes[2].write_end, bytes_of("2"))).value();
  // The others fail by their being stopped, which is their end and no failure.
  const auto [index, value] = co_await when_any(std::move(reads));
  EXPECT_EQ(index, 2U);
  EXPECT_EQ(value, '2');
}

async_generator<std::string> lines(pipe& from) {
  std::string line;
  while (true) {
    const char next = co_await read_one(from);
    if (next == '.') co_return;
    if (next != ' ') {
      line += next;
      continue;
    }
    co_yield std::exchange(line, "");
  }
}

GYRE_TEST(generators, await_the_kernel_between_their_values) {
  pipe between = make_pipe();
  auto words = lines(between);
  (co_await op::write(between.write_end, bytes_of("one two th"))).value();
  EXPECT_EQ(co_await words.next(), "one");
  EXPECT_EQ(co_await words.next(), "two");
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(write_later(between, "ree .", 100us));
    EXPECT_EQ(co_await words.next(), "three");
    EXPECT_EQ(co_await words.next(), std::nullopt);
  });
}

GYRE_TEST(generators, are_reached_by_a_deadline_and_may_be_left) {
  pipe between = make_pipe();
  auto words = lines(between);
  (co_await op::write(between.write_end, bytes_of("one tw"))).value();
  EXPECT_EQ(co_await words.next(), "one");
  bool canceled = false;
  try {
    (void)co_await with_timeout(words.next(), 100us);
  } catch (const std::system_error& error) {
    canceled = error.code() == std::errc::operation_canceled;
  }
  EXPECT_TRUE(canceled);
}

GYRE_TEST(stop_tokens, of_a_thread_end_what_waits_for_the_kernel) {
  pipe silent = make_pipe();
  std::array<std::byte, 1> byte;
  std::stop_source stops;
  const std::jthread asking([&stops] { stops.request_stop(); });
  EXPECT_EQ((co_await stop_on(stops.get_token(), op::read(silent.read_end, byte))).error(),
            std::errc::operation_canceled);
  // Asked before, it ends at once.
  EXPECT_EQ((co_await stop_on(stops.get_token(), sleep_for(1h))).error(),
            std::errc::operation_canceled);
}

GYRE_TEST(stop_tokens, carry_a_stop_to_who_knows_no_loops) {
  pipe between = make_pipe();
  const auto wait = [&](std::stop_token token) -> task<char> {
    const std::stop_callback tell(token,
                                  [&] { EXPECT_EQ(write(between.write_end.number(), "s", 1), 1); });
    co_return co_await shield(read_one(between));
  };
  EXPECT_EQ((co_await with_timeout(with_stop_token(wait), 1ms)).value(), 's');
}

}  // namespace
}  // namespace gyre::conformance
