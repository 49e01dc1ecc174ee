#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "gyre/runtime/broadcast.h"
#include "gyre/runtime/cross_channel.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/select.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/other_loop.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Closes a channel when this side is done with it, however that comes about, so that the other
/// one does not wait for more.
class closing_at_end {
 public:
  explicit closing_at_end(cross_channel<std::uint64_t>& channel) noexcept : channel_(channel) {}
  closing_at_end(const closing_at_end&) = delete;
  closing_at_end& operator=(const closing_at_end&) = delete;
  ~closing_at_end() { channel_.close(); }

 private:
  cross_channel<std::uint64_t>& channel_;
};

/// Sends back what comes, each time one more, until nothing comes or is taken.
task<> echo(cross_channel<std::uint64_t>& from, cross_channel<std::uint64_t>& to) {
  while (const auto got = co_await from.receive()) {
    const auto sent = co_await to.send(*got + 1);
    if (!sent) break;
  }
}

// With each capacity, so that one side waits, the other, or both.
GYRE_TEST(between_loops, values_go_there_and_back) {
  for (const std::size_t capacity : {0U, 1U, 16U}) {
    cross_channel<std::uint64_t> there(capacity);
    cross_channel<std::uint64_t> back(capacity);
    const other_loop other([&] { return echo(there, back); });
    const closing_at_end of_there(there);
    const closing_at_end of_back(back);
    for (int i = 0; i < times(1'000); ++i) {
      (co_await there.send(i)).value();
      EXPECT_EQ((co_await back.receive()).value(), i + 1);
    }
  }
}

task<> send_all(cross_channel<std::uint64_t>& to, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto sent = co_await to.send(i);
    if (!sent) break;
  }
  to.close();
}

GYRE_TEST(between_loops, values_come_in_order_and_none_is_lost) {
  const std::uint64_t count = times(10'000, 20);
  cross_channel<std::uint64_t> numbers(8);
  const other_loop other([&] { return send_all(numbers, count); });
  const closing_at_end no_more(numbers);
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ((co_await numbers.receive()).value(), i);
  EXPECT_EQ((co_await numbers.receive()).error(), std::errc::broken_pipe);
}

// A value that was handed over is not lost by the stop that comes at the same time.
GYRE_TEST(between_loops, a_stopped_receiver_loses_nothing) {
  const std::uint64_t count = times(500, 20);
  cross_channel<std::uint64_t> numbers(0);
  const other_loop other([&] { return send_all(numbers, count); });
  const closing_at_end no_more(numbers);
  std::uint64_t next = 0;
  while (true) {
    const auto got = co_await with_timeout(numbers.receive(), 1us);
    if (got)
      EXPECT_EQ(*got, next++);
    else if (got.error() != std::errc::timed_out)
      break;
  }
  EXPECT_EQ(next, count);
}

/// Sends each number by one of two channels, whichever takes it; some of them are given up at
/// first.
task<> send_by_either(cross_channel<std::uint64_t>& first, cross_channel<std::uint64_t>& second,
                      std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t next = begin; next < end; ++next) {
    auto value = next;
    if (next % 3 == 0) {
      const auto sent = co_await with_timeout(
          select(first.send(std::move(value)), second.send(std::move(value))), 1us);
      if (sent) continue;
    }
    const auto sent = co_await select(first.send(std::move(value)), second.send(std::move(value)));
    if (!sent) co_return;
  }
}

/// Notes what comes by either channel, at times impatiently, until both are closed.
task<> note_all(cross_channel<std::uint64_t>& first, cross_channel<std::uint64_t>& second,
                std::vector<int>& seen) {
  while (true) {
    const auto early = co_await with_timeout(select(second.receive(), first.receive()), 1us);
    if (early) ++seen[early->index() == 0 ? std::get<0>(*early) : std::get<1>(*early)];
    const auto got = co_await select(first.receive(), second.receive());
    if (!got) co_return;
    ++seen[got->index() == 0 ? std::get<0>(*got) : std::get<1>(*got)];
  }
}

// Each of four tasks waits at both channels at a time, and whoever serves it at one is in a race
// with those who serve it at the other, and with its deadline.
GYRE_TEST(between_loops, a_select_takes_one_value_and_sends_one) {
  constexpr std::uint64_t count = 300;
  for (const std::size_t capacity : {0U, 2U}) {
    cross_channel<std::uint64_t> first(0);
    cross_channel<std::uint64_t> second(capacity);
    std::vector<int> seen_here(2 * count);
    std::vector<int> seen_there(2 * count);
    {
      std::optional<other_loop> receiver;
      std::optional<other_loop> sender;
      const closing_at_end of_first(first);
      const closing_at_end of_second(second);
      receiver.emplace([&] { return note_all(first, second, seen_there); });
      sender.emplace([&] { return send_by_either(first, second, 0, count); });
      co_await with_scope([&](scope& children) -> task<> {
        children.spawn(note_all(first, second, seen_here));
        co_await send_by_either(first, second, count, 2 * count);
        sender.reset();  // when all is sent
        first.close();
        second.close();
      });
    }
    for (std::uint64_t i = 0; i < 2 * count; ++i) EXPECT_EQ(seen_here[i] + seen_there[i], 1) << i;
  }
}

GYRE_TEST(between_loops, a_select_ends_when_the_last_of_its_channels_is_closed) {
  for (int round = 0; round < 20; ++round) {
    cross_channel<std::uint64_t> first(0);
    cross_channel<std::uint64_t> second(0);
    const other_loop other([&]() -> task<> {
      second.close();
      co_return;
    });
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto got = co_await select(first.receive(), second.send(1));
        EXPECT_EQ(got.error(), std::errc::broken_pipe);
      });
      if (round % 2 == 0) co_await yield();
      first.close();
    });
  }
}

/// Awaits `use()`, which never has to wait, a thousand times; another task of the loop runs
/// meanwhile.
template <class Use>
task<> expect_to_let_others_run(Use use) {
  int used = 0;
  int used_when_other_ran = 1000;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      for (; used < 1000; ++used) (void)co_await use();
    });
    children.spawn([&]() -> task<> {
      used_when_other_ran = used;
      co_return;
    });
    co_return;
  });
  EXPECT_LT(used_when_other_ran, 1000);
}

// Other threads may see to it that there is always something.
GYRE_TEST(between_loops, what_is_always_there_lets_others_run) {
  cross_channel<int> values(1000);
  const int one = 1;  // copied: a wait refers to what it moves from
  co_await expect_to_let_others_run([&] { return values.send(one); });
  co_await expect_to_let_others_run([&] { return values.receive(); });
  cross_semaphore permits(1);
  co_await expect_to_let_others_run([&] { return permits.acquire(); });
  cross_broadcast<int> said(1000);
  auto heard = said.subscribe();
  for (int i = 0; i < 1000; ++i) said.send(i).value();
  co_await expect_to_let_others_run([&] { return heard.receive(); });
}

GYRE_TEST(between_loops, a_select_that_always_has_something_lets_others_run) {
  cross_channel<int> values(1000);
  cross_channel<int> none(1);
  for (int i = 0; i < 1000; ++i) values.try_send(i).value();
  bool other_ran = false;
  bool ran_meanwhile = false;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      for (int i = 0; i < 1000; ++i) {
        ran_meanwhile = other_ran;
        EXPECT_TRUE(co_await select(values.receive(), none.receive()));
      }
    });
    children.spawn([&]() -> task<> {
      other_ran = true;
      co_return;
    });
    co_return;
  });
  EXPECT_TRUE(ran_meanwhile);
}

}  // namespace
}  // namespace gyre::conformance
