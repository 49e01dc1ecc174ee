#include "gyre/tests/conformance/terminal.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"

// Terminals that block, with little room: nothing may block in the loop.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t size = 100'001;  // several times what a terminal holds

task<> write_all(descriptor& sink, std::span<const std::byte> content) {
  while (!content.empty()) {
    const std::size_t written = (co_await op::write(sink, content)).value();
    require(written > 0);
    content = content.subspan(written);
  }
}

task<std::vector<std::byte>> read_all(descriptor& source, std::size_t bytes) {
  std::vector<std::byte> content(bytes);
  for (std::size_t done = 0; done < bytes;)
    done += (co_await op::read(source, std::span(content).subspan(done))).value();
  co_return content;
}

task<> expect_all_to_come_through(descriptor& from, descriptor& to) {
  std::vector<std::byte> content(size);
  byte_pattern().fill(content);
  const int flags = fcntl(from.number(), F_GETFL);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(write_all(from, content));
    co_await yield();
    EXPECT_TRUE(byte_pattern().matches(co_await read_all(to, size)));
  });
  EXPECT_EQ(fcntl(from.number(), F_GETFL), flags);
}

GYRE_TEST(terminal_writes, more_than_has_room_does_not_hold_the_loop) {
  terminal here;
  co_await expect_all_to_come_through(here.line, here.person);
}

GYRE_TEST(terminal_writes, more_than_a_person_can_type_ahead_does_not_hold_the_loop) {
  terminal here;
  co_await expect_all_to_come_through(here.person, here.line);
}

/// Each new line becomes two bytes.
task<> expect_lines_to_be_shown(terminal& here) {
  here.cook();
  const std::vector<std::byte> lines(20'000, std::byte{'\n'});
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(write_all(here.line, lines));
    co_await yield();
    const auto shown = co_await read_all(here.person, 2 * lines.size());
    EXPECT_EQ(std::ranges::count(shown, std::byte{'\r'}), 20'000);
  });
}

GYRE_TEST(terminal_writes, lines_that_grow_on_their_way_do_not_hold_the_loop) {
  terminal here;
  co_await expect_lines_to_be_shown(here);
}

/// Makes this thread, and those that it starts, strangers to all files, where root may do that.
class stranger {
 public:
  stranger() : before_(setfsuid(65534)) {}
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;
  ~stranger() { setfsuid(static_cast<uid_t>(before_)); }

 private:
  int before_;
};

GYRE_TEST(terminal_writes, one_that_cannot_be_opened_anew_does_not_hold_the_loop) {
  terminal here;
  const stranger nobody;
  co_await expect_all_to_come_through(here.line, here.person);
  co_await expect_lines_to_be_shown(here);
}

GYRE_TEST(terminal_writes, what_has_room_is_taken_and_the_rest_not_waited_for) {
  terminal here;
  const std::vector<std::byte> much(size);
  const std::size_t written = (co_await op::write(here.line, much)).value();
  EXPECT_GT(written, 0U);
  EXPECT_LT(written, size);
}

GYRE_TEST(terminal_writes, one_that_is_full_is_waited_for_until_a_stop) {
  terminal here;
  here.fill();
  const std::vector<std::byte> much(size);
  const auto written = co_await with_timeout(op::write(here.line, much), 3ms);
  EXPECT_EQ(written.error(), std::errc::timed_out);
}

GYRE_TEST(terminal_writes, one_that_is_hung_up_is_an_error) {
  terminal here;
  here.fill();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await op::write(here.line, bytes_of("x"))).error(), std::errc::io_error);
    });
    co_await yield();
    (co_await here.person.close()).value();
  });
}

GYRE_TEST(terminal_writes, closing_it_ends_a_wait) {
  terminal here;
  here.fill();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await op::write(here.line, bytes_of("x"))).error(),
                std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    (co_await here.line.close()).value();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(terminal_writes, a_stop_leaves_nothing) {
  terminal here;
  const std::vector<std::byte> much(size);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await op::write(here.line, much); });
    co_await yield();
    std::array<std::byte, 4096> shown;
    (void)co_await op::read(here.person, shown);
  });
}

}  // namespace
}  // namespace gyre::conformance
