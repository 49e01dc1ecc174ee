#include "gyre/io/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/descriptor_limit.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// All that can be read until the end.
task<std::string> read_all(descriptor& source) {
  std::string text;
  std::array<std::byte, 4096> buffer;
  while (const std::size_t got = (co_await op::read(source, buffer)).value())
    text += text_of(std::span(buffer).first(got));
  co_return text;
}

task<process> spawn_shell(std::string script, spawn_options options) {
  std::vector<std::string> arguments = {"sh", "-c", std::move(script)};
  auto spawned = co_await process::spawn(std::move(arguments), std::move(options));
  co_return std::move(spawned).value();
}

void expect_no_children() {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

GYRE_TEST(process, its_exit_status_is_told) {
  for (const int code : {0, 1, 255}) {
    process child = co_await spawn_shell("exit " + std::to_string(code), spawn_options());
    const exit_status status = (co_await child.wait()).value();
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.signal(), std::nullopt);
    EXPECT_EQ(status.succeeded(), code == 0);
    EXPECT_EQ((co_await child.wait()).value().code(), code);
  }
  expect_no_children();
}

GYRE_TEST(process, a_signal_that_ended_it_is_told) {
  process child = co_await spawn_shell("exec sleep 600", spawn_options());
  child.kill(SIGTERM).value();
  const exit_status status = (co_await child.wait()).value();
  EXPECT_EQ(status.signal(), SIGTERM);
  EXPECT_EQ(status.code(), std::nullopt);
  EXPECT_FALSE(status.succeeded());
  EXPECT_EQ(child.kill(SIGTERM).error(), std::errc::no_such_process);
  expect_no_children();
}

GYRE_TEST(process, its_streams_are_pipes) {
  spawn_options options;
  options.input = options.output = options.error = child_stream::piped();
  process child = co_await spawn_shell("cat; echo oops >&2", std::move(options));
  require(::write(child.input.number(), "hello", 5) == 5);
  (co_await child.input.close()).value();
  EXPECT_EQ(co_await read_all(child.output), "hello");
  EXPECT_EQ(co_await read_all(child.error), "oops\n");
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

GYRE_TEST(process, its_ends_of_pipes_block_as_programs_expect) {
  spawn_options options;
  options.input = options.output = child_stream::piped();
  process child = co_await spawn_shell("grep -h flags: /proc/self/fdinfo/0 /proc/self/fdinfo/1",
                                       std::move(options));
  const std::string flags = co_await read_all(child.output);
  EXPECT_EQ(flags, "flags:\t00\nflags:\t01\n");
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

GYRE_TEST(process, streams_can_be_exchanged_and_shared) {
  const temporary_directory place;
  descriptor file(open(place.path_of("out").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  require(file.is_open());
  spawn_options options;
  options.input = child_stream::null();
  options.output = options.error = child_stream::from(file);
  options.redirections.emplace_back(5, file.number());
  process child =
      co_await spawn_shell("cat; echo out; echo error >&2; echo five >&5", std::move(options));
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
  std::array<std::byte, 100> content;
  const std::size_t size = (co_await op::read_at(file, content, 0)).value();
  EXPECT_EQ(text_of(std::span(content).first(size)), "out\nerror\nfive\n");
}

/// What descriptors `first` and `second` of a child are.
task<std::string> names_in_child(spawn_options options, int first, int second) {
  const std::string place = "/proc/self/fd/";
  options.output = child_stream::piped();
  process child = co_await spawn_shell(
      "readlink " + place + std::to_string(first) + " " + place + std::to_string(second),
      std::move(options));
  std::string names = co_await read_all(child.output);
  (co_await child.wait()).value();
  co_return names;
}

GYRE_TEST(process, its_descriptors_can_have_any_number_that_there_is) {
  constexpr int last = 63;
  const descriptor_limit limit(last + 1);
  descriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  descriptor zero(open("/dev/zero", O_RDWR | O_CLOEXEC));
  spawn_options options;
  options.redirections = {{last, null.number()}, {last - 1, zero.number()}};
  EXPECT_EQ(co_await names_in_child(options, last, last - 1), "/dev/null\n/dev/zero\n");
  options.redirections = {{null.number(), zero.number()}, {zero.number(), null.number()}};
  EXPECT_EQ(co_await names_in_child(options, null.number(), zero.number()),
            "/dev/zero\n/dev/null\n");
  // So many that no number is left for what is to have theirs.
  options.redirections.clear();
  for (int each = 3; each <= last; ++each) options.redirections.emplace_back(each, null.number());
  std::vector<std::string> arguments = {"true"};
  EXPECT_EQ((co_await process::spawn(arguments, options)).error(), std::errc::too_many_files_open);
  options.redirections = {{last + 1, null.number()}};
  EXPECT_EQ((co_await process::spawn(arguments, options)).error(), std::errc::bad_file_descriptor);
  expect_no_children();
}

// glibc keeps two signals of its own, 32 and 33, which a child ignores.
GYRE_TEST(process, it_gets_no_other_descriptor_and_no_blocked_signal) {
  descriptor kept(fcntl(0, F_DUPFD_CLOEXEC, 200));
  require(kept.is_open());
  const std::string number = std::to_string(kept.number());
  spawn_options options;
  options.output = child_stream::piped();
  process child = co_await spawn_shell(
      "grep -c 'SigBlk:.0*$' /proc/self/status; grep -c 'SigIgn:.*[08]0000000$' /proc/self/status; "
      "test -e /proc/self/fd/" +
          number + " || echo closed",
      std::move(options));
  EXPECT_EQ(co_await read_all(child.output), "1\n1\nclosed\n");
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

GYRE_TEST(process, environment_and_directory_are_as_asked_for) {
  const temporary_directory place;
  spawn_options options;
  options.output = child_stream::piped();
  options.directory = place.path();
  options.environment = std::vector<std::string>{"GYRE_TEST_WORD=word"};
  process child = co_await spawn_shell("echo $GYRE_TEST_WORD; pwd -P", std::move(options));
  EXPECT_EQ(co_await read_all(child.output),
            "word\n" + std::filesystem::canonical(place.path()).string() + "\n");
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

GYRE_TEST(process, what_cannot_be_started_is_an_error) {
  const auto error_of = [](std::string program, spawn_options options) -> task<std::error_code> {
    std::vector<std::string> arguments = {std::move(program)};
    auto spawned = co_await process::spawn(std::move(arguments), std::move(options));
    co_return spawned.error();
  };
  EXPECT_EQ(co_await error_of("/nowhere/to/be/found", spawn_options()),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(co_await error_of("/", spawn_options()), std::errc::permission_denied);
  EXPECT_EQ(co_await error_of(std::string("tr\0ue", 5), spawn_options()),
            std::errc::invalid_argument);
  spawn_options nowhere;
  nowhere.directory = "/nowhere/to/be/found";
  EXPECT_EQ(co_await error_of("true", std::move(nowhere)), std::errc::no_such_file_or_directory);
  spawn_options closed;
  closed.redirections.emplace_back(3, -1);
  EXPECT_EQ(co_await error_of("true", std::move(closed)), std::errc::bad_file_descriptor);
  std::vector<std::string> nothing;
  EXPECT_EQ((co_await process::spawn(std::move(nothing))).error(), std::errc::invalid_argument);
  expect_no_children();
}

GYRE_TEST(process, a_wait_that_times_out_can_be_repeated) {
  spawn_options options;
  options.input = child_stream::piped();
  process child = co_await spawn_shell("cat; exit 7", std::move(options));
  EXPECT_EQ((co_await with_timeout(child.wait(), 1ms)).error(), std::errc::timed_out);
  (co_await child.input.close()).value();
  EXPECT_EQ((co_await child.wait()).value().code(), 7);
}

GYRE_TEST(process, several_children_are_waited_for_at_once) {
  int ended = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 8; ++i)
      children.spawn([&ended, i]() -> task<> {
        process child = co_await spawn_shell("exit " + std::to_string(i), spawn_options());
        EXPECT_EQ((co_await child.wait()).value().code(), i);
        ++ended;
      });
    co_return;
  });
  EXPECT_EQ(ended, 8);
  expect_no_children();
}

GYRE_TEST(process, a_child_that_is_not_waited_for_ends_with_its_owner) {
  pid_t number = -1;
  {
    process child = co_await spawn_shell("exec sleep 600", spawn_options());
    number = child.number();
    process other = co_await spawn_shell("exec sleep 600", spawn_options());
    other = std::move(child);
    EXPECT_EQ(other.number(), number);
  }
  EXPECT_EQ(kill(number, 0), -1);
  expect_no_children();
}

GYRE_TEST(process, a_child_that_somebody_else_reaped_is_an_error) {
  process child = co_await spawn_shell("exit 3", spawn_options());
  EXPECT_EQ(waitpid(child.number(), nullptr, 0), child.number());
  EXPECT_EQ((co_await child.wait()).error(), std::errc::no_child_process);
}

GYRE_TEST_STOPPED_ANYWHERE(process, a_stop_leaves_neither_process_nor_zombie) {
  {
    std::vector<std::string> arguments = {"sleep", "0.001"};
    auto child = co_await process::spawn(std::move(arguments));
    if (child) (void)co_await child->wait();
  }
  expect_no_children();
}

}  // namespace
}  // namespace gyre::conformance
