#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gyre/io/copy.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/terminal.h"

// Copying where source or sink is a pipe or a device.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t size = 300'001;  // several times what a pipe holds

/// Two ends that block, as those have that come from elsewhere: nothing may block in the loop.
class blocking_pipe {
 public:
  blocking_pipe() {
    std::array<int, 2> ends{};
    require(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end = descriptor(ends[0]);
    write_end = descriptor(ends[1]);
  }

  /// Until it takes no more.
  void fill() {
    const int flags = fcntl(write_end.number(), F_GETFL);
    fcntl(write_end.number(), F_SETFL, flags | O_NONBLOCK);
    const std::array<std::byte, 4096> some{};
    while (::write(write_end.number(), some.data(), some.size()) > 0) continue;
    fcntl(write_end.number(), F_SETFL, flags);
  }

  descriptor read_end;
  descriptor write_end;
};

descriptor memory_file(std::size_t bytes) {
  descriptor file(memfd_create("content", MFD_CLOEXEC));
  std::vector<std::byte> content(bytes);
  byte_pattern().fill(content);
  require(file.is_open());
  require(::write(file.number(), content.data(), bytes) == static_cast<ssize_t>(bytes));
  return file;
}

descriptor device(const char* path) {
  descriptor opened(open(path, O_RDWR | O_CLOEXEC));
  require(opened.is_open());
  return opened;
}

copy_options at_most(std::uint64_t length) {
  copy_options options;
  options.length = length;
  return options;
}

/// Copies a pattern into `sink`, and closes that.
task<> feed(descriptor& sink) {
  descriptor file = memory_file(size);
  EXPECT_EQ((co_await copy(file, sink)).value(), size);
  (co_await sink.close()).value();
}

/// Copies all that comes from `source` to a file, and looks at it.
task<> expect_pattern(descriptor& source) {
  descriptor file(memfd_create("received", MFD_CLOEXEC));
  EXPECT_EQ((co_await copy(source, file)).value(), size);
  std::vector<std::byte> content(size + 1);
  EXPECT_EQ((co_await op::read_at(file, content, 0)).value(), size);
  EXPECT_TRUE(byte_pattern().matches(std::span(content).first(size)));
}

GYRE_TEST(copy_streams, a_file_becomes_a_pipe_and_a_file_again) {
  blocking_pipe between;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(feed(between.write_end));
    children.spawn(expect_pattern(between.read_end));
    co_return;
  });
}

GYRE_TEST(copy_streams, a_pipe_is_copied_to_a_pipe) {
  blocking_pipe from;
  blocking_pipe to;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(feed(from.write_end));
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(from.read_end, to.write_end)).value(), size);
      (co_await to.write_end.close()).value();
    });
    children.spawn(expect_pattern(to.read_end));
    co_return;
  });
}

GYRE_TEST(copy_streams, a_pipe_is_copied_to_a_socket_and_a_socket_to_a_pipe) {
  blocking_pipe from;
  blocking_pipe to;
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(feed(from.write_end));
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(from.read_end, pair.client.socket())).value(), size);
      pair.client.shutdown_write().value();
    });
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(pair.server.socket(), to.write_end)).value(), size);
      (co_await to.write_end.close()).value();
    });
    children.spawn(expect_pattern(to.read_end));
    co_return;
  });
}

// One that is found empty, and has been filled since, is no socket that takes nothing.
GYRE_TEST(copy_streams, a_pipe_that_a_thread_fills_meanwhile_is_copied_to_a_socket) {
  const int writes = times(20'000, 500);  // the pipe holds them all
  blocking_pipe from;
  tcp_pair pair = co_await connect_pair();
  const std::jthread writer([&] {
    for (int i = 0; i < writes; ++i) require(::write(from.write_end.number(), "!", 1) == 1);
  });
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto most = at_most(static_cast<std::uint64_t>(writes));
      EXPECT_EQ((co_await copy(from.read_end, pair.client.socket(), most)).value(), most.length);
    });
    std::vector<std::byte> received(static_cast<std::size_t>(writes));
    EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), received.size());
  });
}

GYRE_TEST(copy_streams, no_more_is_taken_than_was_asked_for) {
  blocking_pipe from;
  blocking_pipe to;
  require(::write(from.write_end.number(), "copied and left", 15) == 15);
  EXPECT_EQ((co_await copy(from.read_end, to.write_end, at_most(6))).value(), 6U);
  std::array<std::byte, 16> buffer;
  EXPECT_EQ((co_await op::read(to.read_end, buffer)).value(), 6U);
  descriptor file = memory_file(0);
  EXPECT_EQ((co_await copy(from.read_end, file, at_most(4))).value(), 4U);
  EXPECT_EQ((co_await op::read(from.read_end, buffer)).value(), 5U);
  EXPECT_EQ(text_of(std::span(buffer).first(5)), " left");
}

GYRE_TEST(copy_streams, a_file_that_cannot_be_spliced_becomes_a_pipe) {
  descriptor source(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  blocking_pipe to;
  EXPECT_GT((co_await copy(source, to.write_end)).value(), 100U);
  std::array<std::byte, 5> buffer;
  EXPECT_EQ((co_await op::read(to.read_end, buffer)).value(), 5U);
  EXPECT_EQ(text_of(buffer), "Name:");
}

std::string line_of(const char* path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

/// What a file in /proc holds after `text` came to it from a socket.
task<std::string> line_after(const char* path, std::string text) {
  descriptor sink(open(path, O_WRONLY | O_CLOEXEC));
  require(sink.is_open());
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of(text))).value();
  pair.client.shutdown_write().value();
  EXPECT_EQ((co_await copy(pair.server.socket(), sink)).value(), text.size());
  co_return line_of(path);
}

GYRE_TEST(copy_streams, what_was_taken_from_a_socket_is_not_lost_where_it_cannot_be_spliced) {
  require(prctl(PR_SET_DUMPABLE, 1) == 0);  // else these are root's, whoever this is
  const std::string name = line_of("/proc/self/comm");
  EXPECT_EQ(co_await line_after("/proc/self/comm", "copied"), "copied");
  EXPECT_EQ(co_await line_after("/proc/self/comm", name), name);
  const std::string filter = line_of("/proc/self/coredump_filter");
  EXPECT_EQ(co_await line_after("/proc/self/coredump_filter", "0x21"), "00000021");
  EXPECT_EQ(co_await line_after("/proc/self/coredump_filter", "0x" + filter), filter);
}

GYRE_TEST(copy_streams, a_device_gives_as_much_as_is_asked_for) {
  descriptor zero = device("/dev/zero");
  descriptor file = memory_file(10);
  EXPECT_EQ((co_await copy(zero, file, at_most(size))).value(), size);
  std::vector<std::byte> content(size + 1, std::byte{1});
  EXPECT_EQ((co_await op::read_at(file, content, 0)).value(), size);
  content.pop_back();
  EXPECT_TRUE(content == std::vector<std::byte>(size));
}

GYRE_TEST(copy_streams, a_device_takes_all) {
  descriptor file = memory_file(size);
  descriptor null = device("/dev/null");
  EXPECT_EQ((co_await copy(file, null)).value(), size);
  EXPECT_EQ((co_await copy(null, file)).value(), 0U);
  blocking_pipe from;
  require(::write(from.write_end.number(), "gone", 4) == 4);
  (co_await from.write_end.close()).value();
  const int flags = fcntl(from.read_end.number(), F_GETFL);
  EXPECT_EQ((co_await copy(from.read_end, null)).value(), 4U);
  EXPECT_EQ(fcntl(from.read_end.number(), F_GETFL), flags);
}

GYRE_TEST(copy_streams, a_device_that_is_full_is_an_error) {
  descriptor file = memory_file(size);
  descriptor full = device("/dev/full");
  EXPECT_EQ((co_await copy(file, full)).error(), std::errc::no_space_on_device);
}

GYRE_TEST(copy_streams, a_socket_is_copied_to_a_device_and_a_device_to_a_socket) {
  tcp_pair pair = co_await connect_pair();
  descriptor zero = device("/dev/zero");
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(zero, pair.client.socket(), at_most(size))).value(), size);
      pair.client.shutdown_write().value();
    });
    EXPECT_EQ((co_await copy(pair.server.socket(), zero)).value(), size);
  });
}

GYRE_TEST(copy_streams, a_terminal_is_read_and_written) {
  terminal here;
  blocking_pipe to;
  const int flags = fcntl(here.line.number(), F_GETFL);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(here.line, to.write_end, at_most(8))).value(), 8U);
      EXPECT_EQ((co_await copy(to.read_end, here.line, at_most(8))).value(), 8U);
    });
    co_await yield();
    require(::write(here.person.number(), "type", 4) == 4);
    (void)co_await sleep_for(1ms);
    require(::write(here.person.number(), "some", 4) == 4);
  });
  std::array<std::byte, 8> seen;
  require(::read(here.person.number(), seen.data(), seen.size()) == 8);
  EXPECT_EQ(text_of(seen), "typesome");
  EXPECT_EQ(fcntl(here.line.number(), F_GETFL), flags);
}

GYRE_TEST(copy_streams, one_of_two_to_a_terminal_goes_on_when_the_other_has_ended) {
  terminal here;
  descriptor other_line(fcntl(here.line.number(), F_DUPFD_CLOEXEC, 0));
  blocking_pipe first;
  blocking_pipe second;
  const int flags = fcntl(here.line.number(), F_GETFL);
  co_await with_scope([&](scope& children) -> task<> {
    co_await with_scope([&](scope& firsts) -> task<> {
      firsts.spawn(
          [&]() -> task<> { EXPECT_EQ((co_await copy(first.read_end, here.line)).value(), 0U); });
      co_await yield();
      children.spawn([&]() -> task<> {
        EXPECT_EQ((co_await copy(second.read_end, other_line)).value(), size);
      });
      co_await yield();
      EXPECT_EQ(fcntl(here.line.number(), F_GETFL), flags) << "others share it";
      (co_await first.write_end.close()).value();
    });
    children.spawn(feed(second.write_end));
    std::vector<std::byte> shown(size);
    for (std::size_t got = 0; got < size;)
      got += (co_await op::read(here.person, std::span(shown).subspan(got))).value();
    EXPECT_TRUE(byte_pattern().matches(shown));
  });
  EXPECT_EQ(fcntl(here.line.number(), F_GETFL), flags);
}

/// Copies until a stop; it must not have ended before.
task<> expect_stoppable(descriptor& source, descriptor& sink) {
  EXPECT_EQ((co_await with_timeout(copy(source, sink), 3ms)).error(), std::errc::timed_out);
}

GYRE_TEST(copy_streams, a_source_without_anything_is_waited_for_until_a_stop) {
  blocking_pipe empty;
  blocking_pipe to;
  terminal silent;
  tcp_pair pair = co_await connect_pair();
  descriptor file = memory_file(0);
  descriptor null = device("/dev/null");
  for (descriptor* sink : {&file, &to.write_end, &pair.client.socket(), &null})
    for (descriptor* source : {&empty.read_end, &pair.client.socket(), &silent.line})
      co_await expect_stoppable(*source, *sink);
}

GYRE_TEST(copy_streams, a_full_pipe_is_waited_for_until_a_stop) {
  blocking_pipe from;
  require(::write(from.write_end.number(), "stays", 5) == 5);
  blocking_pipe full;
  full.fill();
  tcp_pair sending = co_await connect_pair();
  (co_await sending.client.write_all(bytes_of("stays"))).value();
  descriptor file = memory_file(10);
  descriptor zero = device("/dev/zero");
  for (descriptor* source : {&from.read_end, &sending.server.socket(), &file, &zero})
    co_await expect_stoppable(*source, full.write_end);
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await op::read(from.read_end, buffer)).value(), 5U);
  EXPECT_EQ((co_await sending.server.read_some(buffer)).value(), 5U);
}

// A socket that takes no more may take a little more later: there must be no end of it.
GYRE_TEST(copy_streams, a_full_socket_is_waited_for_until_a_stop) {
  descriptor zero = device("/dev/zero");
  blocking_pipe between;
  tcp_pair pair = co_await connect_pair();
  co_await expect_stoppable(zero, pair.client.socket());
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(expect_stoppable(zero, between.write_end));
    children.spawn(expect_stoppable(between.read_end, pair.client.socket()));
    co_return;
  });
}

GYRE_TEST(copy_streams, what_never_waits_is_stopped) {
  descriptor zero = device("/dev/zero");
  descriptor null = device("/dev/null");
  co_await expect_stoppable(zero, null);
}

GYRE_TEST(copy_streams, a_full_pipe_goes_on_when_there_is_room) {
  blocking_pipe from;
  blocking_pipe full;
  full.fill();
  require(::write(from.write_end.number(), "late", 4) == 4);
  (co_await from.write_end.close()).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(from.read_end, full.write_end)).value(), 4U);
      (co_await full.write_end.close()).value();
    });
    (void)co_await sleep_for(2ms);
    descriptor null = device("/dev/null");
    EXPECT_GT((co_await copy(full.read_end, null)).value(), 4096U);
  });
}

GYRE_TEST(copy_streams, a_pipe_that_nobody_reads_any_more_is_an_error) {
  descriptor file = memory_file(size);
  blocking_pipe to;
  (co_await to.read_end.close()).value();
  EXPECT_EQ((co_await copy(file, to.write_end)).error(), std::errc::broken_pipe);
  blocking_pipe from;
  require(::write(from.write_end.number(), "lost", 4) == 4);
  EXPECT_EQ((co_await copy(from.read_end, to.write_end)).error(), std::errc::broken_pipe);
  descriptor zero = device("/dev/zero");
  EXPECT_EQ((co_await copy(zero, to.write_end)).error(), std::errc::broken_pipe);
}

GYRE_TEST(copy_streams, a_pipe_is_not_copied_into_itself) {
  blocking_pipe self;
  EXPECT_EQ((co_await copy(self.read_end, self.write_end)).error(), std::errc::invalid_argument);
}

GYRE_TEST(copy_streams, closing_the_sink_ends_it) {
  blocking_pipe full;
  full.fill();
  descriptor file = memory_file(10);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(file, full.write_end)).error(), std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    (co_await full.write_end.close()).value();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(copy_streams, a_stop_leaves_nothing) {
  blocking_pipe from;
  blocking_pipe to;
  descriptor file = memory_file(10);
  descriptor zero = device("/dev/zero");
  require(::write(from.write_end.number(), "some", 4) == 4);
  (void)co_await copy(file, to.write_end);
  (void)co_await copy(from.read_end, to.write_end, at_most(2));
  (void)co_await copy(from.read_end, file, at_most(2));
  (void)co_await copy(zero, to.write_end, at_most(10));
}

}  // namespace
}  // namespace gyre::conformance
