#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gyre/tests/models/bell.h"
#include "gyre/tests/models/exploration.h"
#include "gyre/tests/models/relacy_std.h"

// The product's own, with Relacy's atomics, locks and threads.
#include "gyre/io/offload_pool.cc"
#include "gyre/runtime/inbox.cc"
#include "gyre/runtime/linked_operations.cc"
#include "gyre/runtime/loop.cc"
#include "gyre/runtime/operation.cc"
#include "gyre/tests/models/looking_backend.h"

namespace gyre {
namespace {

using model::here;

/// Work for the pool, which nobody awaits.
class job final : public operation {
 public:
  static constexpr operation_kind kind{"job", "none", awaited_thing::device, ring_policy::offload};

  job() noexcept : operation(kind, nullptr) {}
  int perform() noexcept override {
    done_(here()) = true;
    return 7;
  }
  readiness ready_when() const noexcept override { return readiness::none(); }
  bool is_done() const { return done_(here()); }

 private:
  rl::var<bool> done_{false};
};

/// A backend's thread hands jobs to the pool and sleeps until it can collect them.
class offload_model : public rl::test_suite<offload_model, 1> {
 public:
  static constexpr unsigned dynamic_thread_count = 2;

  void thread(unsigned) {
    looking_backend backend;
    std::array<job, 3> jobs;
    offload_pool pool(backend, dynamic_thread_count);
    for (job& each : jobs) {
      const bool submitted = pool.submit(each);
      RL_ASSERT(submitted);
    }
    for (unsigned collected = 0; collected < jobs.size();) {
      collected += pool.collect([](operation& ended, int result) {
        const bool done = static_cast<job&>(ended).is_done();
        RL_ASSERT(done && result == 7);
      });
      if (collected < jobs.size()) backend.poll(steady_time::max());
    }
  }
};

TEST(offload_model, wakes_for_each_operation_that_was_performed) {
  EXPECT_EQ(model::explore<offload_model>(50'000, ::std::cout), "SUCCESS");
}

TEST(offload_model, needs_each_memory_order_of_waking) {
  EXPECT_EQ(model::unnoticed_weakenings<offload_model>(20'000, "/io/"), std::vector<std::string>());
}

}  // namespace
}  // namespace gyre
