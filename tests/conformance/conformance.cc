#include "gyre/tests/conformance/conformance.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/backends.h"
#include "gyre/tests/conformance/resources.h"
#include "gyre/tests/conformance/stopping_backend.h"
#include "gyre/tests/io/kernel_workers.h"

namespace gyre::conformance {
namespace {

// A test that takes longer hangs: the alarm ends the process, also one that is to die.
constexpr unsigned seconds_max = 120;

const backend_under_test* under_test = nullptr;
bool repeats_seldom = false;

// Whether a ring was handed what it may have done by a kernel worker.
std::atomic<bool> worker_may_appear = false;

std::unique_ptr<backend> make_watched(const backend_under_test& on) {
  std::unique_ptr<backend> made = on.make();
  if (std::string_view(made->name()) != "uring") return made;
  return std::make_unique<watched_backend>(std::move(made),
                                           [](const operation_kind& kind, bool linked) {
                                             if (may_take_kernel_worker(kind, linked))
                                               worker_may_appear = true;
                                           });
}

// Kernel workers belong to a thread and end with it: on a new one none is left of another test,
// which would be taken instead of one that could be seen. The signals that come to the process are
// this thread's, as if there were no other.
void run_on_new_thread(const std::function<void()>& run) {
  sigset_t every;
  sigset_t before;
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  std::exception_ptr failure;
  std::thread([&] {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    try {
      run();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) std::rethrow_exception(failure);
}

bool may_execute_itself() {
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  return !failure && access(program.c_str(), X_OK) == 0;
}

class test_of_behaviour : public testing::Test {
 public:
  test_of_behaviour(const behaviour& tested, const backend_under_test& on)
      : tested_(tested), on_(on) {}

 private:
  void SetUp() override {
    static const backend_under_test* boxed = nullptr;
    if (boxed != &on_) on_.enter_box();
    boxed = &on_;
    choose_backend_under_test(on_);
    repeats_seldom = on_.is_restricted;
    alarm(seconds_max);
    // As in a program that has never heard of it: nothing here may rely on its being ignored.
    std::signal(SIGPIPE, SIG_DFL);
  }
  void TearDown() override { alarm(0); }

  void TestBody() override {
    switch (tested_.how) {
      case manner::once:
      case manner::undisturbed:
        return run_on_new_thread(
            [this] { run_and_leave_nothing([this] { run(make_watched(on_), tested_.run()); }); });
      case manner::to_death:
        // Executed anew, where the user that this is by now may do that.
        GTEST_FLAG_SET(death_test_style, may_execute_itself() ? "threadsafe" : "fast");
        EXPECT_DEATH(run(make_watched(on_), tested_.run()), tested_.last_words);
        return;
      case manner::stopped_anywhere:
        run_on_new_thread([this] {
          stop_anywhere(stopping_backend::when::before_the_kernel);
          stop_anywhere(stopping_backend::when::while_kernel_has_it);
        });
    }
  }

  static void run_and_leave_nothing(const std::function<void()>& run) {
    const resources before = resources::in_use();
    const std::set<int> workers = kernel_workers();
    worker_may_appear = false;
    run();
    EXPECT_EQ(resources::settled(before), before) << "something was left behind";
    EXPECT_TRUE(worker_may_appear || std::ranges::includes(workers, kernel_workers()))
        << "a kernel worker was taken, by no operation whose policy allows for it";
  }

  static void run(std::unique_ptr<backend> on, task<> body) {
    loop home(std::move(on));
    run_on(home, std::move(body));
    EXPECT_EQ(home.timers_armed(), 0U);
    const backend_counters& counters = home.kernel().counters();
    EXPECT_EQ(counters.submitted, counters.completed);
    EXPECT_EQ(counters.stale, 0U);
  }

  void stop_anywhere(stopping_backend::when when) {
    bool stopped = true;
    for (int turn = 1; stopped && !HasFailure(); ++turn) {
      SCOPED_TRACE("stopped at turn " + std::to_string(turn));
      run_and_leave_nothing([&] {
        auto on = std::make_unique<stopping_backend>(make_watched(on_), turn, when);
        stopping_backend& stopping = *on;
        run(std::move(on), stop_once(stopping, stopped));
      });
    }
  }

  /// Runs the body, to be stopped by `stopping`. What it throws counts where it was not.
  task<> stop_once(stopping_backend& stopping, bool& stopped) {
    std::exception_ptr failure;
    try {
      co_await with_scope([&](scope& children) -> task<> {
        stopping.action = [&children] { children.request_stop(); };
        co_await tested_.run();
        stopping.action = nullptr;
      });
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    stopping.action = nullptr;
    stopped = stopping.acted();
    if (failure && !stopped) std::rethrow_exception(failure);
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
  testing::UnitTest::GetInstance()->listeners().Append(new some_test_runs);
  return true;
}();

// Begun by the first behaviour, which may come before anything of this file.
std::vector<behaviour>& all_behaviours() {
  static std::vector<behaviour> all;
  return all;
}

}  // namespace

bool add(const behaviour& tested) {
  all_behaviours().push_back(tested);
  for (const backend_under_test& each : backends()) {
    if (tested.how == manner::to_death && each.is_restricted) continue;
    const std::string suite = std::string(each.name) + "/" + tested.suite;
    testing::RegisterTest(suite.c_str(), tested.name, nullptr, nullptr, tested.where.file_name(),
                          static_cast<int>(tested.where.line()),
                          [=, &each] { return new test_of_behaviour(tested, each); });
  }
  return true;
}

std::span<const behaviour> behaviours() {
  return all_behaviours();
}

void choose_backend_under_test(const backend_under_test& chosen) {
  under_test = &chosen;
}

std::unique_ptr<backend> make_backend_under_test() {
  return make_watched(*under_test);
}

int times(int often, int seldom) noexcept {
  return repeats_seldom ? seldom : often;
}

void repeat_seldom() noexcept {
  repeats_seldom = true;
}

void require(bool holds, std::source_location where) {
  if (!holds)
    throw std::runtime_error("what this test needs does not hold at " +
                             std::string(where.file_name()) + ":" + std::to_string(where.line()));
}

}  // namespace gyre::conformance
