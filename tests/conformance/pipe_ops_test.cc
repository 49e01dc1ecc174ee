#include "gyre/io/pipe_ops.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

void put(pipe& into, std::size_t size) {
  const std::vector<std::byte> content(size);
  require(::write(into.write_end.number(), content.data(), size) == static_cast<ssize_t>(size));
}

task<std::string> get(pipe& from) {
  std::array<std::byte, 100> buffer;
  const std::size_t got = (co_await op::read(from.read_end, buffer)).value();
  co_return std::string(text_of(std::span(buffer).first(got)));
}

GYRE_TEST(tee, both_pipes_hold_it) {
  pipe source = pipe::create(4096).value();
  pipe target = pipe::create(4096).value();
  require(::write(source.write_end.number(), "abc", 3) == 3);
  EXPECT_EQ((co_await tee(source.read_end, target.write_end, 100)).value(), 3U);
  EXPECT_EQ(co_await get(source), "abc");
  EXPECT_EQ(co_await get(target), "abc");
}

GYRE_TEST(tee, it_waits_for_something_to_take) {
  pipe source = pipe::create(4096).value();
  pipe target = pipe::create(4096).value();
  const auto early = co_await op::tee(source.read_end, target.write_end, 100);
  EXPECT_EQ(early.error(), std::errc::resource_unavailable_try_again);
  EXPECT_EQ((co_await with_timeout(tee(source.read_end, target.write_end, 100), 1ms)).error(),
            std::errc::timed_out);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await tee(source.read_end, target.write_end, 2)).value(), 2U);
    });
    co_await yield();
    require(::write(source.write_end.number(), "abc", 3) == 3);
  });
  EXPECT_EQ(co_await get(target), "ab");
}

GYRE_TEST(tee, it_waits_for_room) {
  pipe source = pipe::create(4096).value();
  pipe target = pipe::create(4096).value();
  put(target, target.capacity());
  require(::write(source.write_end.number(), "abc", 3) == 3);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await tee(source.read_end, target.write_end, 100)).value(), 3U);
    });
    co_await yield();
    std::vector<std::byte> drained(target.capacity());
    EXPECT_EQ((co_await op::read(target.read_end, drained)).value(), drained.size());
  });
  EXPECT_EQ(co_await get(target), "abc");
}

GYRE_TEST(tee, a_source_that_nobody_writes_to_has_an_end) {
  pipe source = pipe::create(4096).value();
  pipe target = pipe::create(4096).value();
  (co_await source.write_end.close()).value();
  EXPECT_EQ((co_await tee(source.read_end, target.write_end, 100)).value(), 0U);
}

GYRE_TEST(tee, a_target_that_nobody_reads_is_an_error) {
  pipe source = pipe::create(4096).value();
  pipe target = pipe::create(4096).value();
  require(::write(source.write_end.number(), "abc", 3) == 3);
  (co_await target.read_end.close()).value();
  EXPECT_EQ((co_await tee(source.read_end, target.write_end, 100)).error(), std::errc::broken_pipe);
}

GYRE_TEST(tee, what_is_no_pipe_is_an_error) {
  pipe made = pipe::create(4096).value();
  EXPECT_EQ((co_await tee(made.read_end, made.write_end, 100)).error(),
            std::errc::invalid_argument);
}

GYRE_TEST(vmsplice, memory_becomes_the_content_of_a_pipe) {
  pipe made = pipe::create(65536).value();
  EXPECT_EQ((co_await op::vmsplice(made.write_end, bytes_of("abc"))).value(), 3U);
  EXPECT_EQ(co_await get(made), "abc");
}

GYRE_TEST(vmsplice, much_goes_through_in_parts) {
  pipe made = pipe::create(65536).value();
  std::vector<std::byte> content(1'000'001);
  byte_pattern().fill(content);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      for (std::span<const std::byte> rest = content; !rest.empty();) {
        const std::size_t moved = (co_await op::vmsplice(made.write_end, rest)).value();
        rest = rest.subspan(moved);
      }
    });
    byte_pattern pattern;
    std::vector<std::byte> buffer(20'000);
    for (std::size_t total = 0; total < content.size();) {
      const std::size_t got = (co_await op::read(made.read_end, buffer)).value();
      require(pattern.matches(std::span(buffer).first(got)));
      total += got;
    }
  });
}

GYRE_TEST(vmsplice, a_full_pipe_is_waited_for_until_a_stop) {
  pipe made = pipe::create(4096).value();
  put(made, made.capacity());
  EXPECT_EQ((co_await with_timeout(op::vmsplice(made.write_end, bytes_of("abc")), 1ms)).error(),
            std::errc::timed_out);
}

GYRE_TEST(vmsplice, a_pipe_that_nobody_reads_is_an_error) {
  pipe made = pipe::create(4096).value();
  (co_await made.read_end.close()).value();
  EXPECT_EQ((co_await op::vmsplice(made.write_end, bytes_of("abc"))).error(),
            std::errc::broken_pipe);
}

}  // namespace
}  // namespace gyre::conformance
