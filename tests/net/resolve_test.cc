#include "gyre/net/resolve.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "gyre/io/run.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/pretended_hosts.h"

namespace gyre {
namespace {

using namespace std::chrono_literals;

TEST(resolve, is_not_left_behind_by_a_loop_that_ends) {
  conformance::closed_gate gate;
  std::atomic<bool> main_ended = false;
  std::thread opener([&] {
    main_ended.wait(false);
    gate.open();
  });
  run([](conformance::closed_gate& gate, std::atomic<bool>& main_ended) -> task<> {
    while (gate.begun() == 0) {
      const auto found = co_await with_timeout(resolve("gate.test", 1), 1ms);
      EXPECT_EQ(found.error(), std::errc::timed_out);
    }
    main_ended = true;
    main_ended.notify_one();
  }(gate, main_ended));
  EXPECT_GT(gate.begun(), 0);
  EXPECT_EQ(gate.ended(), gate.begun());
  opener.join();
}

}  // namespace
}  // namespace gyre
