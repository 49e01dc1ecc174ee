#include "gyre/io/dump_tasks_on.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/run.h"
#include "gyre/io/signals.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace {

/// On each backend.
class signalled_dump : public testing::TestWithParam<backend_choice> {
 protected:
  signalled_dump() {
    block_signals({SIGUSR1});
    options.backend = GetParam();
  }

  /// Takes what a dump tells, and lets those go on that wait for one.
  log_hook log() {
    return [this](std::string_view text) {
      told.emplace_back(text);
      came.set();
    };
  }

  run_options options;
  std::vector<std::string> told;
  event came;
};

INSTANTIATE_TEST_SUITE_P(backends, signalled_dump,
                         testing::Values(backend_choice::uring, backend_choice::epoll,
                                         backend_choice::threads));

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_P(signalled_dump, tells_of_the_tasks_each_time) {
  int fd = -1;
  const auto main = [&]() -> task<> {
    pipe both = pipe::create(4096).value();
    fd = both.read_end.number();
    spawn(dump_tasks_on(SIGUSR1, log()));
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        std::byte byte{};
        (void)co_await op::read(both.read_end, std::span(&byte, 1));
      });
      for (int i = 0; i < 2; ++i) {
        kill(getpid(), SIGUSR1);
        (void)co_await came.wait();
        came.reset();
      }
      children.request_stop();
    });
  };
  run(main(), options);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_TRUE(has(told[1], "task waits for scope, ")) << told[1];
  EXPECT_TRUE(has(told[1], "\n  task waits for read on descriptor " + std::to_string(fd) + ", "))
      << told[1];
  EXPECT_TRUE(has(told[1], "dump_tasks_on_test.cc:")) << told[1];
}

TEST_P(signalled_dump, tells_of_the_tasks_of_all_cores) {
  options.cores = 3;
  run_on_cores(options, [this](cores& all, unsigned core) -> task<> {
    if (core == 1) co_return;
    if (core == 2) {
      (void)co_await sleep_until(never);  // until the first asks it to stop
      co_return;
    }
    spawn(dump_tasks_on(SIGUSR1, all, log()));
    kill(getpid(), SIGUSR1);
    (void)co_await came.wait();
    all.post_to_each([](unsigned) {
      if (loop* home = loop::current_or_null()) home->root()->request_stop();
    });
  });
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("core 0\ntask ")) << told[0];
  EXPECT_TRUE(has(told[0], "\ncore 2\ntask waits for sleep, ")) << told[0];
}

TEST(run_in_which_all_tasks_wait_for_ever, is_reported) {
  class set_event final : public message {
   public:
    explicit set_event(event& target) noexcept : target_(target) {}

   private:
    void delivered() noexcept override { target_.set(); }
    event& target_;
  };
  run_options options;
  event never_set;
  set_event help(never_set);
  std::string told;
  loop* home = nullptr;
  options.log = [&](std::string_view text) {
    if (!has(std::string(text), "all tasks wait for each other")) return;
    told += text;
    home->post(help);
  };
  run(
      [](event& never_set, loop*& home) -> task<> {
        home = &loop::current();
        (void)co_await never_set.wait();
      }(never_set, home),
      options);
  EXPECT_TRUE(has(told, "\ntask waits for event, 2.")) << told;
}

}  // namespace
}  // namespace gyre
