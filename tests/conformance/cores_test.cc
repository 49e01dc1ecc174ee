#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "gyre/io/file_ops.h"
#include "gyre/io/offload.h"
#include "gyre/io/pipe.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/resume_on.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/submit_to.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

// Work that goes to other threads: to other loops, and to those of the backend.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// A loop on a thread of its own, until it is destroyed.
class other_loop {
 public:
  other_loop()
      : thread_([this] {
          made_.emplace(make_backend_under_test());
          run_on(*made_, wait());
          // Others may still have to be refused.
          made_.reset();
        }) {
    running_.wait();
  }
  ~other_loop() {
    home().post(end_);
    thread_.join();
  }
  loop& home() { return *made_; }

 private:
  class end_message final : public message {
   public:
    explicit end_message(event& over) : over_(over) {}

   private:
    void delivered() noexcept override { over_.set(); }
    event& over_;
  };

  task<> wait() {
    running_.count_down();
    (void)co_await over_.wait();
  }

  std::optional<loop> made_;
  std::latch running_{1};
  event over_;
  end_message end_{over_};
  std::thread thread_;
};

GYRE_TEST(cores, calls_and_tasks_go_to_another_loop_and_back) {
  other_loop other;
  loop& home = loop::current();
  int sum = 0;
  const int calls = times(200);
  for (int i = 0; i < calls; ++i) {
    const auto called = co_await submit_to(other.home(), [&sum, i] { return sum += i; });
    EXPECT_EQ(called.value(), sum);
    const auto awaited = co_await submit_to(other.home(), [&]() -> task<bool> {
      co_await yield();
      co_return &loop::current() == &other.home();
    });
    EXPECT_TRUE(awaited.value());
  }
  EXPECT_EQ(sum, (calls - 1) * calls / 2);
  EXPECT_EQ(&loop::current(), &home);
}

GYRE_TEST(cores, a_stop_ends_a_read_on_another_loop) {
  other_loop other;
  for (int i = 0; i < 20; ++i) {
    const auto read_there = []() -> task<result<std::size_t>> {
      auto tube = gyre::pipe::create(4096).value();
      std::array<std::byte, 8> buffer;
      co_return co_await op::read(tube.read_end, buffer);
    };
    const auto read = co_await with_timeout(submit_to(other.home(), read_there), 1ms);
    EXPECT_EQ(read.error(), std::errc::timed_out);
  }
}

GYRE_TEST_STOPPED_ANYWHERE(cores, a_call_of_another_loop) {
  other_loop other;
  std::atomic<bool> runs = false;
  const auto slept = co_await submit_to(other.home(), [&]() -> task<result<void>> {
    runs = true;
    auto ended = co_await sleep_for(1ms);
    runs = false;
    co_return ended;
  });
  EXPECT_FALSE(runs) << "it goes on without its caller";
  if (!slept) {
    EXPECT_EQ(slept.error(), std::errc::operation_canceled);
  }
}

GYRE_TEST_STOPPED_ANYWHERE(cores, a_journey_to_another_loop) {
  other_loop other;
  loop& home = loop::current();
  const auto journey = [&]() -> task<> {
    for (int i = 0; i < 3; ++i) {
      require((co_await resume_on(other.home())).has_value());
      require(&loop::current() == &other.home());
      (void)co_await sleep_for(100us);
      require((co_await resume_on(home)).has_value());
      require(&loop::current() == &home);
    }
    require((co_await resume_on(other.home())).has_value());
  };
  co_await travel(journey());
  require(&loop::current() == &home);
}

task<> echo(tcp_stream stream) {
  std::array<std::byte, 100> buffer;
  while (const auto got = co_await stream.read_some(buffer)) {
    if (*got == 0) co_return;
    const auto sent = co_await stream.write_all(std::span(buffer).first(*got));
    if (!sent) co_return;
  }
}

task<> expect_echo(tcp_stream& client, std::string_view text) {
  std::array<std::byte, 5> received{};
  require(text.size() == received.size());
  (co_await client.write_all(bytes_of(text))).value();
  (co_await client.read_exactly(received)).value();
  EXPECT_EQ(text_of(received), text);
}

GYRE_TEST(cores, a_connection_accepted_here_is_served_on_another_loop) {
  other_loop other;
  auto listener = listen_on_loopback();
  for (const bool used_here : {false, true}) {
    auto pair = co_await connect_pair(listener);
    if (used_here) {
      std::array<std::byte, 5> received{};
      (co_await pair.client.write_all(bytes_of("first"))).value();
      (co_await pair.server.read_exactly(received)).value();
      EXPECT_EQ((co_await with_timeout(pair.server.read_some(received), 1ms)).error(),
                std::errc::timed_out);
    }
    auto adopt = [stream = std::move(pair.server)]() mutable { spawn(echo(std::move(stream))); };
    const auto handed_over = co_await submit_to(other.home(), adopt);
    EXPECT_TRUE(handed_over);
    for (const std::string_view text : {"hello", "again"}) co_await expect_echo(pair.client, text);
    (co_await pair.client.close()).value();
  }
}

/// Holds up calls of this thread's loop that were offloaded, until it is opened or destroyed.
class gate {
 public:
  /// On a thread of the pool. A call that is made here, where no thread could be had, is let
  /// through: nobody would open.
  void pass() {
    if (std::this_thread::get_id() != here_) open_.wait(false);
  }
  void open() noexcept {
    open_ = true;
    open_.notify_all();
  }

 private:
  const std::thread::id here_ = std::this_thread::get_id();
  std::atomic<bool> open_ = false;
};

/// Opens a gate at the end of those who were to do it, however that comes about.
class opening_at_end {
 public:
  explicit opening_at_end(gate& opened) noexcept : opened_(opened) {}
  opening_at_end(const opening_at_end&) = delete;
  opening_at_end& operator=(const opening_at_end&) = delete;
  ~opening_at_end() { opened_.open(); }

 private:
  gate& opened_;
};

GYRE_TEST(offload, blocks_another_thread_and_gives_what_it_gives) {
  gate held;
  const auto here = std::this_thread::get_id();
  co_await with_scope([&](scope& children) -> task<> {
    const opening_at_end opening(held);
    children.spawn([&]() -> task<> {
      const auto there = co_await offload([&] {
        held.pass();
        return std::this_thread::get_id();
      });
      EXPECT_NE(there.value(), here);
    });
    // The loop goes on meanwhile.
    for (int i = 0; i < 3; ++i) (co_await sleep_for(1ms)).value();
  });
  const result<void> nothing = co_await offload([] {});
  EXPECT_TRUE(nothing);
  auto owned = std::make_unique<int>(3);
  auto add_one = [owned = std::move(owned)]() mutable {
    ++*owned;
    return std::move(owned);
  };
  const auto moved = co_await offload(add_one);
  EXPECT_EQ(*moved.value(), 4);
  const result<int> refused =
      co_await offload([]() -> result<int> { return std::errc::no_such_file_or_directory; });
  EXPECT_EQ(refused.error(), std::errc::no_such_file_or_directory);
  std::string said;
  try {
    (void)co_await offload([]() -> int { throw std::runtime_error("on purpose"); });
  } catch (const std::runtime_error& failure) {
    said = failure.what();
  }
  EXPECT_EQ(said, "on purpose");
}

/// A read of a disk that does not answer before a gate is opened, and that nothing cancels.
class frozen_read final : public operation {
 public:
  frozen_read(gate& frozen, std::atomic<bool>& begun, std::span<std::byte> buffer) noexcept
      : operation(kind, nullptr), frozen_(frozen), begun_(begun), buffer_(buffer) {}

  int perform() noexcept override {
    begun_ = true;
    frozen_.pass();
    std::ranges::fill(buffer_, std::byte('x'));
    return static_cast<int>(buffer_.size());
  }
  readiness ready_when() const noexcept override { return readiness::none(); }
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

 private:
  static constexpr operation_kind kind{"frozen_read", "none", awaited_thing::device,
                                       ring_policy::offload};
  gate& frozen_;
  std::atomic<bool>& begun_;
  std::span<std::byte> buffer_;
};

GYRE_TEST(offload, what_a_frozen_disk_holds_is_waited_for_and_delivered_in_spite_of_a_stop) {
  gate frozen;
  std::atomic<bool> begun = false;
  bool thawed = false;
  bool delivered = false;
  co_await with_scope([&](scope& children) -> task<> {
    const opening_at_end opening(frozen);
    children.spawn([&]() -> task<> {
      std::array<std::byte, 4> buffer;
      const auto got = co_await frozen_read(frozen, begun, buffer);
      EXPECT_TRUE(thawed) << "the disk had the buffer still";
      EXPECT_EQ(got.value(), buffer.size());
      delivered = text_of(buffer) == "xxxx";
    });
    while (!begun) (co_await sleep_for(10us)).value();
    children.request_stop();
    // The loop goes on meanwhile.
    for (int i = 0; i < 100; ++i) co_await yield();
    thawed = true;
  });
  EXPECT_TRUE(delivered);
}

GYRE_TEST(offload, a_stop_takes_back_what_has_not_begun) {
  constexpr int many = 100;
  std::atomic<int> begun = 0;
  gate held;
  int given = 0;
  int taken_back = 0;
  co_await with_scope([&](scope& children) -> task<> {
    const opening_at_end opening(held);
    for (int i = 0; i < many; ++i)
      children.spawn([&]() -> task<> {
        const auto ended = co_await offload([&] {
          ++begun;
          held.pass();
        });
        if (!ended) {
          EXPECT_EQ(ended.error(), std::errc::operation_canceled);
        }
        ++(ended ? given : taken_back);
      });
    while (begun == 0) (co_await sleep_for(10us)).value();
    children.request_stop();
  });
  EXPECT_EQ(given, begun);
  EXPECT_EQ(given + taken_back, many);
  EXPECT_GT(taken_back, many / 2) << "the threads are not bounded";
}

}  // namespace
}  // namespace gyre::conformance
