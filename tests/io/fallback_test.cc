#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/run.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/io/sandbox.h"

// What a sandbox forbids, this process loses in a child of its own.
namespace gyre {
namespace {

using namespace std::chrono_literals;

/// Uses what backends differ in: a descriptor that must be waited for, a file, a timer.
task<std::string> work() {
  pipe both = pipe::create(4096).value();
  std::byte got{};
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { (co_await op::read(both.read_end, std::span(&got, 1))).value(); });
    (co_await sleep_for(1ms)).value();
    EXPECT_EQ(::write(both.write_end.number(), "x", 1), 1);
  });
  descriptor here(AT_FDCWD);
  (void)(co_await op::openat2(here, "/dev/null", O_RDONLY, 0, 0)).value();
  co_return got == std::byte{'x'} ? loop::current().kernel().report().summary() : "no byte came";
}

std::string run_with(backend_choice choice, std::vector<std::string>& log) {
  run_options options;
  options.backend = choice;
  options.log = [&log](std::string_view sentence) { log.emplace_back(sentence); };
  try {
    return run(work(), options);
  } catch (const backend_error& error) {
    return error.what();
  }
}

/// What is told of an errno of io_uring_setup: a kernel that takes none of the flags is too old.
std::string told_of(int error) {
  return "(errno " + std::to_string(error == EINVAL ? EOPNOTSUPP : error) + ")";
}

class without_io_uring : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(errnos, without_io_uring,
                         testing::Values(EPERM, ENOSYS, EACCES, ENOMEM, EINVAL, EMFILE));

TEST_P(without_io_uring, automatic_takes_epoll_and_says_why_once) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup}, GetParam());
    std::vector<std::string> log;
    const std::string report = run_with(backend_choice::automatic, log);
    return report + "\n" + std::to_string(log.size()) + " sentence: " + log.at(0);
  });
  const std::string number = told_of(GetParam());
  EXPECT_NE(told.find("epoll, "), std::string::npos) << told;
  EXPECT_NE(told.find("because io_uring can't be used: "), std::string::npos) << told;
  EXPECT_NE(told.find(number + "\n1 sentence: using epoll, because io_uring can't be used"),
            std::string::npos)
      << told;
}

TEST_P(without_io_uring, a_later_loop_falls_back_alone) {
  const std::string told = in_child([] {
    std::string names;
    for (int i = 0; i < 4; ++i) {
      loop home(make_backend(backend_choice::automatic, uring_options(), {}));
      names.append(home.kernel().name()).append(" ");
    }
    forbid({__NR_io_uring_setup}, GetParam());
    std::vector<std::string> log;
    return names + run_with(backend_choice::automatic, log);
  });
  EXPECT_EQ(told.find("uring uring uring uring epoll, "), 0U) << told;
}

TEST_P(without_io_uring, forced_it_ends_with_the_errno_and_a_remedy) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup}, GetParam());
    std::vector<std::string> log;
    const std::string sentence = run_with(backend_choice::uring, log);
    return sentence + (log.empty() ? "" : " and more");
  });
  EXPECT_EQ(told.find("io_uring can't be used: "), 0U) << told;
  const std::string number = told_of(GetParam()) + ": ";
  ASSERT_NE(told.find(number), std::string::npos) << told;
  EXPECT_GT(told.size(), told.find(number) + number.size() + 10) << "no remedy: " << told;
  EXPECT_EQ(told.find(" and more"), std::string::npos);
}

TEST(fallback, all_cores_say_it_once) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup}, EPERM);
    run_options options;
    options.cores = 5;
    std::atomic<int> epolls = 0;
    run_on_cores(options, [&](cores&, unsigned) -> task<> {
      if ((co_await work()).starts_with("epoll, ")) ++epolls;
    });
    return std::to_string(epolls) + " loops have epoll";
  });
  EXPECT_EQ(told.find("gyre: using epoll, because io_uring can't be used: "), 0U) << told;
  EXPECT_EQ(told.find("gyre: ", 1), std::string::npos) << told;
  EXPECT_NE(told.find("\n5 loops have epoll"), std::string::npos) << told;
}

class without_a_fifth_ring : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(errnos, without_a_fifth_ring, testing::Values(EMFILE, ENOMEM));

TEST_P(without_a_fifth_ring, four_loops_have_one_and_all_five_work) {
  const std::string told = in_child([] {
    allow_rings_to(4, GetParam());
    run_options options;
    options.cores = 5;
    options.pin = false;
    std::string said;
    options.log = [&said](std::string_view sentence) { said.append(sentence).append("\n"); };
    std::atomic<int> worked = 0;
    std::string seen;
    run_on_cores(options, [&](cores& all, unsigned core) -> task<> {
      const std::string mine = co_await work();
      if (mine == all.report(core).summary()) ++worked;
      if (core != 0) co_return;
      std::vector<std::string> reports;
      for (unsigned each = 0; each < all.count(); ++each)
        reports.push_back(all.report(each).backend + ": " + all.report(each).reason);
      std::ranges::sort(reports);
      for (const std::string& each : reports) seen.append(each).append("\n");
    });
    return said + seen + std::to_string(worked) + " loops worked";
  });
  const std::string why = "io_uring can't be used: " + std::generic_category().message(GetParam()) +
                          " (errno " + std::to_string(GetParam()) + ")";
  EXPECT_EQ(told.find("using epoll, because " + why + ": "), 0U) << told;
  const std::string rest =
      "\nepoll: " + why + "\nuring: \nuring: \nuring: \nuring: \n5 loops worked";
  EXPECT_EQ(told.find(rest), told.find('\n')) << told;
}

TEST(fallback, without_epoll_there_are_threads) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup}, ENOSYS);
    forbid({__NR_epoll_create1}, EPERM);
    std::vector<std::string> log;
    const std::string report = run_with(backend_choice::automatic, log);
    return report + "\n" + log.at(0);
  });
  EXPECT_EQ(told.find("threads, "), 0U) << told;
  EXPECT_NE(told.find("because io_uring can't be used: Function not implemented (errno 38), and "
                      "epoll can't be used: Operation not permitted (errno 1)\nusing threads"),
            std::string::npos)
      << told;
}

TEST(fallback, where_nothing_can_be_had_the_error_says_so) {
  const std::string told = in_child([] {
    forbid({__NR_io_uring_setup, __NR_epoll_create1, __NR_eventfd2}, EMFILE);
    std::vector<std::string> log;
    return run_with(backend_choice::automatic, log);
  });
  EXPECT_EQ(told,
            "a backend of threads can't be used: Too many open files (errno 24): raise "
            "RLIMIT_NOFILE (ulimit -n)");
}

TEST(fallback, forced_epoll_is_not_replaced) {
  const std::string told = in_child([] {
    forbid({__NR_epoll_create1}, EPERM);
    std::vector<std::string> log;
    return run_with(backend_choice::epoll, log);
  });
  EXPECT_EQ(told.find("epoll can't be used: Operation not permitted (errno 1)"), 0U) << told;
}

class without_precise_waits : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(errnos, without_precise_waits, testing::Values(ENOSYS, EPERM));

TEST_P(without_precise_waits, epoll_never_wakes_early) {
  const std::string told = in_child([] {
    forbid({__NR_epoll_pwait2}, GetParam());
    run_options options;
    options.backend = backend_choice::epoll;
    return run(
        []() -> task<std::string> {
          const auto start = std::chrono::steady_clock::now();
          for (int i = 0; i < 10; ++i) (co_await sleep_for(300us)).value();
          const auto slept = std::chrono::steady_clock::now() - start;
          co_return (slept >= 3ms ? "" : "woke early: ") + (co_await work());
        }(),
        options);
  });
  EXPECT_EQ(told.find("epoll, timeouts in milliseconds"), 0U) << told;
}

/// Reads from a pipe that has nothing yet, and opens a file; what came of them.
task<std::string> wait_and_block() {
  pipe both = pipe::create(4096).value();
  std::byte got{};
  const auto read = co_await with_timeout(op::read(both.read_end, std::span(&got, 1)), 1ms);
  descriptor here(AT_FDCWD);
  const auto opened = co_await op::openat2(here, "/dev/null", O_RDONLY, 0, 0);
  co_return "read: " + read.error().message() + ", open: " + opened.error().message();
}

TEST(fallback, a_descriptor_that_cannot_be_watched_is_an_error_of_its_operation) {
  const std::string told = in_child([] {
    loop home(make_backend(backend_choice::epoll, uring_options(), {}));
    forbid({__NR_epoll_ctl}, ENOSPC);
    return run_on(home, wait_and_block());
  });
  EXPECT_EQ(told, "read: No space left on device, open: Success");
}

TEST(fallback, without_a_thread_to_be_had_what_blocks_is_done_all_the_same) {
  const auto told = [](backend_choice choice) {
    return in_child([choice] {
      loop home(make_backend(choice, uring_options(), {}));
      forbid({__NR_clone, __NR_clone3}, EAGAIN);
      return run_on(home, wait_and_block());
    });
  };
  EXPECT_EQ(told(backend_choice::epoll), "read: Connection timed out, open: Success");
  EXPECT_EQ(told(backend_choice::threads), "read: Resource temporarily unavailable, open: Success");
}

TEST(environment, names_the_backend_that_automatic_takes) {
  for (const std::string name : {"uring", "epoll", "threads"}) {
    const std::string told = in_child([&] {
      setenv("GYRE_BACKEND", name.c_str(), 1);
      return run([]() -> task<std::string> { co_return loop::current().kernel().name(); }());
    });
    EXPECT_EQ(told, name);
  }
}

TEST(environment, gives_way_to_a_backend_that_is_asked_for) {
  const std::string told = in_child([] {
    setenv("GYRE_BACKEND", "uring", 1);
    std::vector<std::string> log;
    return run_with(backend_choice::threads, log);
  });
  EXPECT_EQ(told.find("threads, "), 0U) << told;
}

TEST(environment, with_a_name_that_is_none_ends_with_a_sentence) {
  const std::string told = in_child([] {
    setenv("GYRE_BACKEND", "io_uring", 1);
    std::vector<std::string> log;
    return run_with(backend_choice::automatic, log);
  });
  EXPECT_EQ(told,
            "GYRE_BACKEND is \"io_uring\", which is no backend: expected one of auto, uring, "
            "epoll, threads");
}

}  // namespace
}  // namespace gyre
