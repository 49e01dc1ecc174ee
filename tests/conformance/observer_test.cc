#include "gyre/runtime/loop_observer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <system_error>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/await_chain.h"
#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation_metrics.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// What has begun and not ended. An observer can't throw, so this never allocates.
class open_ones {
 public:
  /// False where it is there already.
  bool add(const void* one) noexcept {
    if (std::ranges::find(all_, one) != all_.end()) return false;
    return replace(nullptr, one);
  }
  bool remove(const void* one) noexcept { return replace(one, nullptr); }
  bool empty() const noexcept {
    return std::ranges::all_of(all_, [](const void* each) { return each == nullptr; });
  }

 private:
  bool replace(const void* one, const void* by) noexcept {
    const auto place = std::ranges::find(all_, one);
    if (place == all_.end()) return false;
    *place = by;
    return true;
  }

  std::array<const void*, 32> all_{};
};

/// Keeps account of what has begun and not ended, on one loop from its construction on.
class account final : public loop_observer {
 public:
  account() { loop::current().observe(this); }
  ~account() { loop::current().observe(nullptr); }

  void spawned(const await_chain& chain) noexcept override {
    expect(chains.add(&chain));
    ++spawns;
  }
  void completed(const await_chain& chain) noexcept override { expect(chains.remove(&chain)); }
  void resumed(const await_chain& chain) noexcept override {
    expect(!running && &chain.home() == &loop::current());
    running = true;
    ++resumptions;
  }
  void suspended() noexcept override {
    expect(running);
    running = false;
  }
  void operation_started(const operation& started) noexcept override {
    expect(operations.add(&started) && started.waiter() != nullptr);
    ++starts;
  }
  void operation_ended(const operation& ended, int result) noexcept override {
    expect(operations.remove(&ended) && (result >= 0 || result == -ECANCELED));
    cancelled += result == -ECANCELED;
  }

  open_ones chains;
  open_ones operations;
  std::uint_least32_t first_surprise = 0;  ///< the line where what is expected did not hold
  bool running = false;
  int spawns = 0;
  int starts = 0;
  int cancelled = 0;
  std::uint64_t resumptions = 0;

 private:
  void expect(bool holds, std::source_location where = std::source_location::current()) noexcept {
    if (!holds && first_surprise == 0) first_surprise = where.line();
  }
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
  while (kept.resumptions == 0) (co_await sleep_for(1us)).value();
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
  EXPECT_EQ(kept.first_surprise, 0U);
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
    while (kept.resumptions == 0) (co_await sleep_for(1us)).value();
    EXPECT_TRUE(kept.running);
    EXPECT_EQ(kept.first_surprise, 0U);
  }
  (void)co_await sleep_for(1us);
  EXPECT_EQ(loop::current().observer(), nullptr);
}

/// What is said of the only task that waits for `fd`; nothing where there is none.
std::optional<task_entry> waiter_of(int fd) {
  const task_tree tree = dump_tasks();
  for (const task_entry& each : tree.tasks)
    if (each.descriptor == fd) return each;
  return std::nullopt;
}

GYRE_TEST(listing, tells_what_a_task_waits_for_on_which_descriptor_and_where) {
  pipe silent = pipe::create(4096).value();
  const int fd = silent.read_end.number();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(wait_until_stopped(silent));
    EXPECT_FALSE(waiter_of(fd)) << "it is ready, and has not begun";
    (co_await sleep_for(20ms)).value();
    const auto listed = waiter_of(fd);
    require(listed && !listed->awaits_at.empty());
    EXPECT_EQ(listed->waits_for, "read");
    EXPECT_EQ(listed->state, task_entry::state::waiting);
    EXPECT_GE(listed->waited, 8ms);
    EXPECT_FALSE(listed->stop_requested);
    EXPECT_NE(std::string_view(listed->awaits_at[0].file_name()).find("observer_test.cc"),
              std::string_view::npos);
    children.request_stop();
    const auto stopped = waiter_of(fd);
    EXPECT_TRUE(!stopped || stopped->stop_requested);
  });
}

GYRE_TEST(metrics, count_and_time_the_operations_of_each_kind) {
  pipe between = pipe::create(4096).value();
  std::array<std::byte, 1> byte;
  const loop_metrics& metrics = loop::current().metrics();
  for (int i = 0; i < 10; ++i) {
    (co_await op::write(between.write_end, bytes_of("x"))).value();
    (co_await op::read(between.read_end, byte)).value();
  }
  EXPECT_EQ((co_await with_timeout(op::read(between.read_end, byte), 2ms)).error(),
            std::errc::timed_out);
  const operation_metrics* reads = metrics.find(op::read::kind);
  const operation_metrics* writes = metrics.find(op::write::kind);
  require(reads != nullptr && writes != nullptr);
  EXPECT_EQ(reads->started(), 11U);
  EXPECT_EQ(reads->cancelled(), 1U);
  EXPECT_EQ(reads->failed() + writes->failed() + writes->cancelled(), 0U);
  EXPECT_EQ(writes->started(), 10U);
  EXPECT_EQ(reads->latency().count(), 11U) << "each of the first is measured";
  EXPECT_GE(reads->latency().quantile(1), 1ms) << "one waited for its deadline";
  EXPECT_GE(reads->resumption().count(), 1U);
}

}  // namespace
}  // namespace gyre::conformance
