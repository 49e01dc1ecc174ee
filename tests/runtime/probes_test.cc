#include "gyre/runtime/probes.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include "gyre/runtime/loop_observer.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

// A note has the names of its provider and of the probe one behind the other, each with a 0 at its
// end. Whether they can be attached to tests/gdb looks at.
TEST(probes, are_noted_in_the_program_where_their_header_was_there) {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string program((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GT(program.size(), 0U);
  for (const std::string probe :
       {"spawn", "resume", "suspend", "complete", "operation_start", "operation_end"}) {
    std::string note("gyre ");
    note += probe + " ";
    for (char& each : note)
      if (each == ' ') each = '\0';
    EXPECT_EQ(program.find(note) != std::string::npos, probes::built_in) << probe;
  }
}

/// Counts what it is told of operations.
class counting_observer final : public loop_observer {
 public:
  int operations = 0;
  void operation_started(const operation&) noexcept override { ++operations; }
};

task<> next_turn(const loop& home) {
  const std::uint64_t before = home.counters().turns;
  while (home.counters().turns == before) (void)co_await yield();
}

// What a tracer does to the semaphore is done here, in place of the kernel.
TEST(probes, tell_the_observer_too_while_a_tracer_comes_and_goes) {
  fake_world world;
  world.kernel.at_once = true;
  counting_observer counting;
  world.home.observe(&counting);
  world.run(invoke([&]() -> task<> {
    EXPECT_EQ(world.home.observer(), &counting);
    (void)co_await request();
    ++gyre_probes_semaphore;
    co_await next_turn(world.home);
    EXPECT_NE(world.home.observer(), &counting);
    (void)co_await request();
    world.home.observe(nullptr);
    EXPECT_NE(world.home.observer(), nullptr);
    (void)co_await request();
    world.home.observe(&counting);
    (void)co_await request();
    --gyre_probes_semaphore;
    co_await next_turn(world.home);
    EXPECT_EQ(world.home.observer(), &counting);
  }));
  EXPECT_EQ(counting.operations, 3);
}

}  // namespace
}  // namespace gyre::testing_runtime
