#include "gyre/io/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/io/sandbox.h"

namespace gyre {
namespace {

task<std::string> leave_behind_what_may_not_be_killed() {
  const std::vector<std::string> arguments = {"cat"};
  spawn_options options;
  options.input = child_stream::piped();
  options.output = child_stream::null();
  process child = (co_await process::spawn(arguments, std::move(options))).value();
  forbid({__NR_pidfd_send_signal}, EPERM);
  // It goes on until it finds the end of its input, which this test keeps open for longer.
  const descriptor input = std::move(child.input);
  const pid_t number = child.number();
  {
    const process destroyed = std::move(child);
  }
  co_return ::kill(number, 0) == 0 ? "goes on" : "is gone";
}

TEST(process, that_may_not_be_killed_does_not_hold_up_whoever_destroys_it) {
  const std::string said = in_child([] {
    alarm(20);
    return run(leave_behind_what_may_not_be_killed());
  });
  EXPECT_EQ(said, "goes on");
}

}  // namespace
}  // namespace gyre
