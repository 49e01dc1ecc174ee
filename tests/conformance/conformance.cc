#include "gyre/tests/conformance/conformance.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/tests/conformance/backends.h"
#include "gyre/tests/conformance/resources.h"

namespace gyre::conformance {
namespace {

// A test that takes longer hangs: the alarm ends the process, also one that is to die.
constexpr unsigned seconds_max = 120;

const backend_under_test* under_test = nullptr;

class test_of_behaviour : public testing::Test {
 public:
  test_of_behaviour(const behaviour& tested, const backend_under_test& on)
      : tested_(tested), on_(on) {}

 private:
  void SetUp() override {
    under_test = &on_;
    alarm(seconds_max);
    // As in a program that has never heard of it: nothing here may rely on its being ignored.
    std::signal(SIGPIPE, SIG_DFL);
  }
  void TearDown() override { alarm(0); }

  void TestBody() override {
    if (tested_.dies_saying) {
      GTEST_FLAG_SET(death_test_style, "threadsafe");
      EXPECT_DEATH(run(), tested_.dies_saying);
      return;
    }
    const resources before = resources::in_use();
    run();
    EXPECT_EQ(resources::settled(before), before) << "something was left behind";
  }

  void run() {
    loop home(on_.make());
    run_on(home, tested_.run());
    EXPECT_EQ(home.timers_armed(), 0U);
    const backend_counters& counters = home.kernel().counters();
    EXPECT_EQ(counters.submitted, counters.completed);
    EXPECT_EQ(counters.stale, 0U);
  }

  const behaviour tested_;
  const backend_under_test& on_;
};

// A filter that fits nothing would pass as well.
class some_test_runs : public testing::EmptyTestEventListener {
  void OnTestProgramStart(const testing::UnitTest& all) override {
    if (all.test_to_run_count() > 0) return;
    std::fputs("no test is chosen: is the name of the backend in backends.cc?\n", stderr);
    std::exit(1);
  }
};

const bool listening = [] {
  // With the first thread ThreadSanitizer starts one of its own, which would seem left behind.
  std::thread([] {}).join();
  testing::UnitTest::GetInstance()->listeners().Append(new some_test_runs);
  return true;
}();

}  // namespace

bool add(const behaviour& tested) {
  for (const backend_under_test& each : backends()) {
    const std::string suite = std::string(each.name) + "/" + tested.suite;
    testing::RegisterTest(suite.c_str(), tested.name, nullptr, nullptr, tested.where.file_name(),
                          static_cast<int>(tested.where.line()),
                          [=, &each] { return new test_of_behaviour(tested, each); });
  }
  return true;
}

std::unique_ptr<backend> make_backend_under_test() {
  return under_test->make();
}

void require(bool holds, std::source_location where) {
  if (!holds)
    throw std::runtime_error("what this test needs does not hold at " +
                             std::string(where.file_name()) + ":" + std::to_string(where.line()));
}

}  // namespace gyre::conformance
