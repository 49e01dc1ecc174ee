#include "gyre/runtime/probes.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "gyre/runtime/scope.h"
#include "gyre/tests/runtime/fake_backend.h"

namespace gyre::testing_runtime {
namespace {

// A note has the names of its provider and of the probe one behind the other, each with a 0 at its
// end.
TEST(probes, are_noted_in_the_program_where_their_header_was_there) {
  fake_world world;
  world.kernel.at_once = true;
  world.run(invoke([]() -> task<> { (void)co_await request(); }));
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

}  // namespace
}  // namespace gyre::testing_runtime
