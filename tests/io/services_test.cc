#include "gyre/io/services.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "gyre/io/run.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/heap/hostile_heap.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;

/// On loops of each backend.
class services_on : public testing::TestWithParam<backend_choice> {
 protected:
  static run_options with_cores(unsigned cores) {
    run_options options;
    options.backend = GetParam();
    options.cores = cores;
    options.pin = false;
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(backends, services_on,
                         testing::Values(backend_choice::uring, backend_choice::epoll,
                                         backend_choice::threads));

/// What happened, on whatever thread.
class record {
 public:
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    text_ += what + " ";
  }
  std::string text() const { return text_; }

 private:
  std::mutex mutex_;
  std::string text_;
};

/// Whose steps are noted, and which fails where it is told to.
class counter {
 public:
  counter(record& steps, unsigned core, unsigned fails_on = 99)
      : steps_(steps), core_(core), fails_(core == fails_on), home_(std::this_thread::get_id()) {}
  ~counter() {
    EXPECT_EQ(std::this_thread::get_id(), home_);
    steps_.note("~" + std::to_string(core_));
  }

  task<result<void>> start() {
    co_await yield();
    if (fails_) co_return std::errc::address_in_use;
    steps_.note("start" + std::to_string(core_));
    co_return result<void>();
  }
  task<> stop() {
    EXPECT_TRUE(co_await sleep_for(1ms)) << "a stop reached it";
    steps_.note("stop" + std::to_string(core_));
  }
  int add(int amount) {
    EXPECT_EQ(std::this_thread::get_id(), home_);
    return sum_ += amount;
  }

 private:
  record& steps_;
  const unsigned core_;
  const bool fails_;
  const std::thread::id home_;
  int sum_ = 0;
};

TEST_P(services_on, start_in_order_and_stop_in_reverse) {
  record steps;
  services<counter> counters;
  run_on_cores(with_cores(3), [&](cores& all, unsigned core) {
    const auto make = [&](unsigned of) { return std::make_unique<counter>(steps, of); };
    return counters.run(all, core, make, [&, core](counter& mine) -> task<> {
      EXPECT_EQ(&counters.local(), &mine);
      for (unsigned other = 0; other < 3; ++other)
        EXPECT_GE(
            (co_await counters.submit_to(other, [](counter& its) { return its.add(1); })).value(),
            1);
      const auto awaited = co_await counters.submit_to(core, [](counter& its) -> task<int> {
        co_await yield();
        co_return its.add(0);
      });
      EXPECT_TRUE(awaited);
      // However long one takes, none stops before.
      if (core == 1) {
        EXPECT_TRUE(co_await sleep_for(5ms));
      }
    });
  });
  EXPECT_EQ(steps.text(), "start0 start1 start2 stop2 ~2 stop1 ~1 stop0 ~0 ");
}

TEST_P(services_on, that_do_not_start_stop_those_that_have) {
  record steps;
  services<counter> counters;
  std::error_code error;
  try {
    run_on_cores(with_cores(4), [&](cores& all, unsigned core) {
      const auto make = [&](unsigned of) { return std::make_unique<counter>(steps, of, 2); };
      return counters.run(all, core, make, [&](counter&) -> task<> {
        ADD_FAILURE() << "a body began";
        co_return;
      });
    });
  } catch (const std::system_error& failure) {
    error = failure.code();
  }
  EXPECT_EQ(error, std::errc::address_in_use);
  EXPECT_EQ(steps.text(), "start0 start1 ~2 stop1 ~1 stop0 ~0 ");
}

/// On whose second core memory runs out once, from its start on.
class poor_counter : public counter {
 public:
  poor_counter(record& steps, unsigned core, std::uint64_t fails_at)
      : counter(steps, core), fails_at_(core == 1 ? fails_at : 0) {}
  yield start() {
    if (fails_at_ > 0) run_short(fails_at_);
    return {};
  }
  /// From the `fails_at`-th allocation of this thread on from here.
  void run_short(std::uint64_t fails_at) {
    failing_.reset();
    frame_pool::keep_nothing();
    using failure = hostile_heap::failure;
    failing_.emplace(fails_at, failure::span::one, failure::whose::this_thread);
  }

 private:
  const std::uint64_t fails_at_;
  std::optional<hostile_heap::failure> failing_;
};

TEST_P(services_on, without_memory_for_an_order_end_all_the_same) {
  for (std::uint64_t fails_at = 1; fails_at < 12; ++fails_at) {
    for (const bool late : {false, true}) {
      record steps;
      services<poor_counter> counters;
      try {
        run_on_cores(with_cores(2), [&](cores& all, unsigned core) {
          const auto make = [&](unsigned of) {
            return std::make_unique<poor_counter>(steps, of, late ? 0 : fails_at);
          };
          return counters.run(all, core, make, [&, late, core](poor_counter& mine) -> task<> {
            if (late && core == 1) mine.run_short(fails_at);
            co_return;
          });
        });
      } catch (const std::bad_alloc&) {
      }
      EXPECT_TRUE(steps.text().ends_with("~1 stop0 ~0 ")) << steps.text();
    }
  }
}

TEST_P(services_on, whose_body_fails_stop_the_others) {
  for (int round = 0; round < 20; ++round) {
    record steps;
    services<counter> counters;
    std::string said;
    try {
      run_on_cores(with_cores(3), [&](cores& all, unsigned core) {
        const auto make = [&](unsigned of) { return std::make_unique<counter>(steps, of); };
        return counters.run(all, core, make, [core](counter&) -> task<> {
          if (core == 1) throw std::runtime_error("on purpose");
          EXPECT_EQ((co_await sleep_for(1h)).error(), std::errc::operation_canceled);
        });
      });
    } catch (const std::runtime_error& failure) {
      said = failure.what();
    }
    EXPECT_EQ(said, "on purpose");
    EXPECT_EQ(steps.text(), "start0 start1 start2 stop2 ~2 stop1 ~1 stop0 ~0 ");
  }
}

TEST_P(services_on, stop_when_a_core_fails_that_never_joined) {
  class plain {};
  services<plain> all_plain;
  EXPECT_THROW(run_on_cores(with_cores(3),
                            [&](cores& all, unsigned core) {
                              if (core == 1) throw std::runtime_error("on purpose");
                              return all_plain.run(all, core, [](plain&) -> task<> { co_return; });
                            }),
               std::runtime_error);
}

}  // namespace
}  // namespace gyre
