// Every behaviour again, disturbed at every place in turn: asked to stop at each turn of its loop
// and between them, left alone by a main task that ends there, and with each of its allocations
// failing. What the behaviour expects counts for nothing then. It must end, without ending the
// process, and nothing may be left: no descriptor, thread, frame, timer, operation or block of
// memory. Under the heap's quarantine nothing may be used, by the kernel neither, that was freed.
//
// Allocations fail on the behaviour's own thread, or on those that backends have. Other threads of
// a behaviour, and the loops on them, are its peers: they get what they ask for.

#include <execinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/time.h"
#include "gyre/tests/conformance/backends.h"
#include "gyre/tests/conformance/checking_backend.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/resources.h"
#include "gyre/tests/conformance/stopping_backend.h"
#include "gyre/tests/heap/hostile_heap.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;
using hostile_heap::failure;
using std::chrono::steady_clock;

/// What is done to a behaviour, at one of the places where it can be.
enum class disturbance {
  stop_before_kernel,  ///< a stop, just before a turn of the loop enters the kernel
  stop_in_kernel,      ///< a stop, when the kernel has got all that was submitted in a turn
  stop_between_tasks,  ///< a stop, when all that was ready has been resumed once
  end_of_main,         ///< the end of the main task, beside which the behaviour was spawned
  failed_allocation,   ///< an allocation that fails
  exhausted_memory,    ///< an allocation that fails, and all after it
  failed_allocation_of_backend,  ///< one that fails of each thread of a backend
  exhausted_memory_of_backend,   ///< likewise, and all after it
};
constexpr std::array disturbances = {disturbance::stop_before_kernel,
                                     disturbance::stop_in_kernel,
                                     disturbance::stop_between_tasks,
                                     disturbance::end_of_main,
                                     disturbance::failed_allocation,
                                     disturbance::exhausted_memory,
                                     disturbance::failed_allocation_of_backend,
                                     disturbance::exhausted_memory_of_backend};

std::string_view name_of(disturbance what) {
  switch (what) {
    case disturbance::stop_before_kernel:
      return "stopped before the kernel was entered, turn";
    case disturbance::stop_in_kernel:
      return "stopped while the kernel had it, turn";
    case disturbance::stop_between_tasks:
      return "stopped between its tasks, round";
    case disturbance::end_of_main:
      return "spawned by a main task that ended, turn";
    case disturbance::failed_allocation:
      return "without memory, at its allocation";
    case disturbance::exhausted_memory:
      return "without memory from its allocation";
    case disturbance::failed_allocation_of_backend:
      return "without memory, at an allocation of a thread of its backend";
    case disturbance::exhausted_memory_of_backend:
      return "without memory from an allocation of a thread of its backend";
  }
  std::abort();
}

/// What is under way, for the last words of a process that ends here.
class last_words {
 public:
  static void set(const std::string& text) {
    std::snprintf(text_.data(), text_.size(), "\nin the sweep: %s\n", text.c_str());
  }
  static void say_when_it_ends() {
    for (const int signal : {SIGABRT, SIGALRM, SIGSEGV}) std::signal(signal, say);
  }

 private:
  static void say(int signal) {
    std::signal(signal, SIG_DFL);
    [[maybe_unused]] const ssize_t written = write(2, text_.data(), std::strlen(text_.data()));
    std::array<void*, 64> frames;
    backtrace_symbols_fd(frames.data(), backtrace(frames.data(), frames.size()), 2);
    raise(signal);
  }
  static std::array<char, 512> text_;
};
constinit std::array<char, 512> last_words::text_{};

/// How long a disturbance of one behaviour may go on to one more place: for GYRE_SWEEP_EVERYWHERE
/// seconds, or, where that is not set, for some milliseconds and at no more than some forty places.
/// Behaviours that go on for longer are disturbed in their beginning only.
class bounds {
 public:
  bounds() : end_(steady_clock::now() + each()) {}
  bool over() const { return steady_clock::now() > end_; }

  static int step(int last) { return everywhere() ? 1 : 1 + last / others; }
  static bool everywhere() { return std::getenv("GYRE_SWEEP_EVERYWHERE") != nullptr; }

 private:
  static std::chrono::milliseconds each() {
    if (const char* seconds = std::getenv("GYRE_SWEEP_EVERYWHERE"))
      return std::chrono::seconds(std::stoi(seconds));
    // AddressSanitizer takes many times as long for each place.
    return hostile_heap::quarantine::keeps_out_the_kernel() ? 12ms : 4ms;
  }

  static constexpr int others = 30;
  const steady_clock::time_point end_;
};

/// What a run did.
class course {
 public:
  void note(loop& home) {
    const backend_counters& counters = home.kernel().counters();
    ended_clean =
        home.timers_armed() == 0 && counters.submitted == counters.completed && counters.stale == 0;
  }

  bool ended_clean = true;
  bool disturbed = false;
};

/// Calls a function once, when some time has gone by since a failure. A behaviour may take an error
/// for an end, and wait for what will never come.
class impatient_backend final : public backend_wrapper {
 public:
  impatient_backend(std::unique_ptr<backend> inner, const failure& awaited)
      : backend_wrapper(std::move(inner)), awaited_(awaited) {}

  /// What to call.
  std::function<void()> action;

  void poll(steady_time until) noexcept override {
    if (!action) return inner().poll(until);
    if (!happened_) deadline_ = saturating_add(now(), patience);
    happened_ = awaited_.happened();
    inner().poll(std::min(until, deadline_));
    if (happened_ && now() >= deadline_) std::exchange(action, nullptr)();
  }

 private:
  static constexpr auto patience = 20ms;

  const failure& awaited_;
  bool happened_ = false;
  steady_time deadline_ = never;
};

int places_tried = 0;
int behaviours_swept = 0;

class sweep : public testing::Test {
 public:
  sweep(const behaviour& tested, const backend_under_test& on) : tested_(tested), on_(on) {}

 private:
  // A run that takes longer hangs.
  static constexpr unsigned seconds_max = 120;

  void SetUp() override {
    choose_backend_under_test(on_);
    frame_pool::keep_nothing();
    std::signal(SIGPIPE, SIG_DFL);
  }
  void TearDown() override { alarm(0); }

  void TestBody() override {
    ++behaviours_swept;
    for (const disturbance what : disturbances) disturb_anywhere(what);
  }

  // At each second place, from one to the next, until it gets through undisturbed; then in between.
  void disturb_anywhere(disturbance what) {
    const bounds bound;
    int last = 1;
    bool goes_on = disturb(what, last);
    while (goes_on && !bound.over()) goes_on = disturb(what, last *= 2);
    int place = 3;
    for (; place < last && !bound.over(); place += bounds::step(last)) {
      if (std::has_single_bit(static_cast<unsigned>(place)) || disturb(what, place)) continue;
      if (HasFailure() || !bounds::everywhere()) return;  // else it was a shorter run than others
    }
    if ((goes_on || place < last) && bounds::everywhere())
      std::printf("not at each place: %s\n", name_of_place(what, place).c_str());
  }

  std::string name_of_place(disturbance what, int place) const {
    return std::string(on_.name) + "/" + tested_.suite + "." + tested_.name + ", " +
           std::string(name_of(what)) + " " + std::to_string(place);
  }

  /// Whether there was such a place, and all was well.
  bool disturb(disturbance what, int place) {
    const std::string said = name_of_place(what, place);
    SCOPED_TRACE(said);
    last_words::set(said);
    alarm(seconds_max);
    ++places_tried;
    const resources before = resources::in_use();
    std::int64_t blocks_left = 1;
    course taken;
    // What is made once, for the whole process, is made by the first that needs it.
    for (int attempt = 0; attempt < 2 && blocks_left != 0; ++attempt) {
      const std::int64_t blocks = hostile_heap::live();
      taken = run(what, place);
      const resources after = resources::settled(before);
      blocks_left = hostile_heap::live() - blocks;
      EXPECT_EQ(after, before) << "something was left behind";
      EXPECT_TRUE(taken.ended_clean) << "timers or operations were left, or answers came too late";
    }
    EXPECT_EQ(blocks_left, 0) << "blocks of memory were left behind, or were freed twice";
    return taken.disturbed && !HasFailure();
  }

  course run(disturbance what, int place) {
    testing::TestPartResultArray ignored;
    testing::ScopedFakeTestPartResultReporter ignoring(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &ignored);
    switch (what) {
      case disturbance::stop_before_kernel:
        return stop(place, stopping_backend::when::before_the_kernel);
      case disturbance::stop_in_kernel:
        return stop(place, stopping_backend::when::while_kernel_has_it);
      case disturbance::stop_between_tasks:
        return stop_between(place);
      case disturbance::end_of_main:
        return end_main(place);
      case disturbance::failed_allocation:
        return fail(place, failure::span::one, failure::whose::this_thread);
      case disturbance::exhausted_memory:
        return fail(place, failure::span::all_after, failure::whose::this_thread);
      case disturbance::failed_allocation_of_backend:
        return fail(place, failure::span::one, failure::whose::threads_of_backends);
      case disturbance::exhausted_memory_of_backend:
        return fail(place, failure::span::all_after, failure::whose::threads_of_backends);
    }
    std::abort();
  }

  /// Runs `main` on a loop of its own. Any exception will do.
  static void run_on_loop(std::unique_ptr<backend> on, task<> main, course& taken) {
    loop home(std::move(on));
    try {
      run_on(home, std::move(main));
    } catch (const std::exception&) {
    }
    taken.note(home);
  }

  course stop(int turn, stopping_backend::when when) {
    course taken;
    const hostile_heap::quarantine nothing_is_used_again;
    auto stopping = std::make_unique<stopping_backend>(on_.make(), turn, when);
    stopping_backend& stops = *stopping;
    run_on_loop(std::make_unique<checking_backend>(std::move(stopping)),
                stop_body(stops, taken.disturbed), taken);
    return taken;
  }
  /// Runs the body, to be stopped by `stopping`.
  template <class Backend>
  task<> stop_body(Backend& stopping, bool& stopped) {
    try {
      co_await with_scope([&](scope& children) -> task<> {
        stopping.action = [&] {
          stopped = true;
          children.request_stop();
        };
        co_await tested_.run();
        stopping.action = nullptr;
      });
    } catch (const std::exception&) {
    }
    stopping.action = nullptr;
  }

  /// The loop always has something ready then, and does not sleep.
  course stop_between(int round) {
    course taken;
    const hostile_heap::quarantine nothing_is_used_again;
    run_on_loop(std::make_unique<checking_backend>(on_.make()), body_beside_rounds(round, taken),
                taken);
    return taken;
  }
  task<> body_beside_rounds(int rounds, course& taken) {
    bool ended = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(stop_after(rounds, children, ended, taken.disturbed));
      try {
        co_await tested_.run();
      } catch (const std::exception&) {
      }
      ended = true;
    });
  }
  /// A round counts where another task ran in it, or is about to run with a result that it has: in
  /// all others nothing differs from the one before.
  static task<> stop_after(int rounds, scope& stopped, const bool& ended, bool& disturbed) {
    const loop& home = loop::current();
    while (rounds > 0 && !ended) {
      const std::uint64_t before = home.counters().resumed;
      co_await yield();
      bool differs = home.counters().resumed - before > 1;
      home.for_each_ready([&](const ready_node&) { differs = true; });
      if (differs) --rounds;
    }
    if (ended) co_return;
    disturbed = true;
    stopped.request_stop();
  }

  course end_main(int turn) {
    course taken;
    const hostile_heap::quarantine nothing_is_used_again;
    event over;
    auto stopping = std::make_unique<stopping_backend>(on_.make(), turn,
                                                       stopping_backend::when::before_the_kernel);
    stopping->action = [&] {
      taken.disturbed = true;
      over.set();
    };
    run_on_loop(std::make_unique<checking_backend>(std::move(stopping)), main_beside_body(over),
                taken);
    return taken;
  }
  task<> main_beside_body(event& over) {
    spawn([](task<> body, event& over) -> task<> {
      co_await std::move(body);
      over.set();
    }(tested_.run(), over));
    (void)co_await over.wait();
  }

  course fail(int allocation, failure::span span, failure::whose whose) {
    course taken;
    const failure failing(static_cast<std::uint64_t>(allocation), span, whose);
    bool stopped = false;
    try {
      auto impatient = std::make_unique<impatient_backend>(on_.make(), failing);
      impatient_backend& stops = *impatient;
      run_on_loop(std::move(impatient), stop_body(stops, stopped), taken);
    } catch (const std::exception&) {  // before there was a loop
    }
    taken.disturbed = failing.happened();
    return taken;
  }

  const behaviour tested_;
  const backend_under_test& on_;
};

void add_sweep(const behaviour& tested, const backend_under_test& on) {
  if (tested.how == manner::to_death || tested.how == manner::undisturbed) return;
  const std::string suite = std::string(on.name) + "_swept/" + tested.suite;
  testing::RegisterTest(suite.c_str(), tested.name, nullptr, nullptr, tested.where.file_name(),
                        static_cast<int>(tested.where.line()),
                        [=, &on]() -> testing::Test* { return new sweep(tested, on); });
}

}  // namespace

int run_sweeps() {
  check(hostile_heap::live() > 0, "this program has another heap: no allocation of it would fail");
  last_words::say_when_it_ends();
  repeat_seldom();
  for (const backend_under_test& each : backends()) {
    if (each.is_restricted) continue;
    for (const behaviour& tested : behaviours()) add_sweep(tested, each);
  }
  const int status = RUN_ALL_TESTS();
  std::printf("%d behaviours were disturbed at %d places\n", behaviours_swept, places_tried);
  return status;
}

}  // namespace gyre::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return gyre::conformance::run_sweeps();
}
