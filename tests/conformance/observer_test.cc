#include "gyre/runtime/loop_observer.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <system_error>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Keeps account of what has begun and not ended, on one loop from its construction on.
class account final : public loop_observer {
 public:
  account() { loop::current().observe(this); }
  ~account() { loop::current().observe(nullptr); }

  void spawned(const await_chain& chain) noexcept override {
    EXPECT_TRUE(chains.insert(&chain).second);
    ++spawns;
  }
  void completed(const await_chain& chain) noexcept override {
    EXPECT_EQ(chains.erase(&chain), 1U);
  }
  void resumed(const await_chain& chain) noexcept override {
    EXPECT_FALSE(running);
    EXPECT_EQ(&chain.home(), &loop::current());
    running = true;
    ++resumptions;
  }
  void suspended() noexcept override {
    EXPECT_TRUE(running);
    running = false;
  }
  void operation_started(const operation& started) noexcept override {
    EXPECT_TRUE(operations.insert(&started).second);
    EXPECT_NE(started.waiter(), nullptr);
    ++starts;
  }
  void operation_ended(const operation& ended, int result) noexcept override {
    EXPECT_EQ(operations.erase(&ended), 1U);
    EXPECT_TRUE(result >= 0 || result == -ECANCELED) << ended.name() << ": " << result;
    cancelled += result == -ECANCELED;
  }

  std::set<const await_chain*> chains;
  std::set<const operation*> operations;
  bool running = false;
  int spawns = 0;
  int starts = 0;
  int cancelled = 0;
  std::uint64_t resumptions = 0;
};

task<> send_across(pipe& between) {
  std::array<std::byte, 3> received;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([](pipe& to) -> task<> {
      (void)co_await with_timeout(sleep_for(1ms), 1h);
      (co_await shield(op::write(to.write_end, bytes_of("abc")))).value();
    }(between));
    EXPECT_EQ((co_await op::read(between.read_end, received)).value(), 3U);
  });
}

task<> wait_until_stopped(pipe& silent) {
  std::array<std::byte, 1> none;
  EXPECT_EQ((co_await op::read(silent.read_end, none)).error(), std::errc::operation_canceled);
}

GYRE_TEST(observer, is_told_of_each_end_whose_beginning_it_was_told_of) {
  pipe busy = pipe::create(4096).value();
  pipe silent = pipe::create(4096).value();
  account kept;
  while (kept.resumptions == 0) (void)co_await sleep_for(1us);
  const std::uint64_t untold = loop::current().counters().resumed - kept.resumptions;
  co_await with_scope([&](scope& children) -> task<> {
    std::array<std::byte, 1> none;
    EXPECT_EQ((co_await with_timeout(op::read(silent.read_end, none), 1ms)).error(),
              std::errc::timed_out);
    children.spawn(wait_until_stopped(silent));
    co_await send_across(busy);
    auto [sent, got] = co_await link(op::write(busy.write_end, bytes_of("x")),
                                     op::write(busy.write_end, bytes_of("y")));
    EXPECT_TRUE(sent && got);
    children.request_stop();
  });
  EXPECT_TRUE(kept.chains.empty());
  EXPECT_TRUE(kept.operations.empty());
  EXPECT_TRUE(kept.running);
  EXPECT_EQ(kept.spawns, 4);
  EXPECT_GE(kept.starts, 6);
  EXPECT_EQ(kept.cancelled, 2);
  EXPECT_EQ(kept.resumptions, loop::current().counters().resumed - untold);
}

GYRE_TEST(observer, may_come_and_go) {
  for (int i = 0; i < 3; ++i) {
    account kept;
    while (kept.resumptions == 0) (void)co_await sleep_for(1us);
    EXPECT_TRUE(kept.running);
  }
  (void)co_await sleep_for(1us);
  EXPECT_EQ(loop::current().observer(), nullptr);
}

}  // namespace
}  // namespace gyre::conformance
