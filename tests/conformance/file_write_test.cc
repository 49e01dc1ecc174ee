#include <fcntl.h>
#include <sys/uio.h>

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/space_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<file> new_file(const temporary_directory& place, int more_flags = 0) {
  const int flags = O_RDWR | O_CREAT | O_EXCL | more_flags;
  co_return (co_await file::open(place.path_of("file"), flags, 0600)).value();
}

iovec part_of(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

task<std::string> content_of(file& opened) {
  std::vector<std::byte> buffer((co_await opened.status()).value().size());
  require((co_await opened.read_at(buffer, 0)).value() == buffer.size());
  co_return std::string(text_of(buffer));
}

GYRE_TEST(file_writes, what_is_written_is_read) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  std::vector<std::byte> content(3'000'000);
  byte_pattern().fill(content);
  EXPECT_TRUE(co_await opened.write_at(content, 0));
  std::vector<std::byte> read(content.size());
  EXPECT_EQ((co_await opened.read_at(read, 0)).value(), content.size());
  EXPECT_TRUE(byte_pattern().matches(read));
}

GYRE_TEST(file_writes, a_write_behind_the_end_leaves_a_hole) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  EXPECT_TRUE(co_await opened.write_at(bytes_of("end"), 2));
  EXPECT_TRUE(co_await opened.write_at(std::span<const std::byte>(), 100));
  EXPECT_EQ(co_await content_of(opened), std::string("\0\0end", 5));
}

GYRE_TEST(file_writes, writes_at_once_do_not_disturb_each_other) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  constexpr std::size_t size = 5000;
  std::vector<std::byte> content(20 * size);
  byte_pattern().fill(content);
  co_await with_scope([&](scope& writers) -> task<> {
    for (std::size_t at = 0; at < content.size(); at += size)
      writers.spawn([&opened, part = std::span(content).subspan(at, size), at]() -> task<> {
        EXPECT_TRUE(co_await opened.write_at(part, at));
      });
    co_return;
  });
  std::vector<std::byte> read(content.size());
  EXPECT_EQ((co_await opened.read_at(read, 0)).value(), content.size());
  EXPECT_TRUE(byte_pattern().matches(read));
}

GYRE_TEST(file_writes, errors_are_those_of_the_system_calls) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  file readable = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  EXPECT_EQ((co_await readable.write_at(bytes_of("x"), 0)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await readable.truncate(0)).error(), std::errc::invalid_argument);
  file writable = (co_await file::open(place.path_of("file"), O_RDWR)).value();
  EXPECT_EQ((co_await writable.write_at(bytes_of("x"), UINT64_MAX)).error(),
            std::errc::invalid_argument);
  EXPECT_EQ((co_await writable.truncate(UINT64_MAX)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await writable.advise(0, 0, 12345)).error(), std::errc::invalid_argument);
}

GYRE_TEST(file_writes, a_full_disk_is_an_error) {
  file full = (co_await file::open("/dev/full", O_RDWR)).value();
  EXPECT_EQ((co_await full.write_at(bytes_of("x"), 0)).error(), std::errc::no_space_on_device);
}

GYRE_TEST(file_writes, several_buffers_are_written_and_read_in_turn) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  const std::array<iovec, 3> parts = {part_of("one"), part_of(""), part_of("three")};
  EXPECT_EQ((co_await opened.write_at(parts, 1)).value(), 8U);
  EXPECT_EQ(co_await content_of(opened), std::string("\0onethree", 9));
  std::array<char, 2> first{};
  std::array<char, 20> second{};
  const std::array<iovec, 2> into = {iovec{first.data(), first.size()},
                                     iovec{second.data(), second.size()}};
  EXPECT_EQ((co_await opened.read_at(into, 1)).value(), 8U);
  EXPECT_EQ(std::string_view(first.data(), 2), "on");
  EXPECT_EQ(std::string_view(second.data(), 6), "ethree");
}

GYRE_TEST(file_writes, flags_of_a_transfer_are_heeded) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  const std::array<iovec, 1> text = {part_of("text")};
  EXPECT_EQ((co_await opened.write_at(text, 0, RWF_DSYNC)).value(), 4U);
  EXPECT_EQ((co_await opened.write_at(text, 0, RWF_APPEND)).value(), 4U);
  EXPECT_EQ(co_await content_of(opened), "texttext");
  EXPECT_FALSE(co_await opened.write_at(text, 0, 1 << 30));
  const std::vector<iovec> too_many(IOV_MAX + 1);
  EXPECT_EQ((co_await opened.write_at(too_many, 0)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await opened.read_at(too_many, 0)).error(), std::errc::invalid_argument);
}

GYRE_TEST(file_space, a_file_is_cut_lengthened_and_given_room) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  EXPECT_TRUE(co_await opened.write_at(bytes_of("content"), 0));
  EXPECT_TRUE(co_await opened.truncate(3));
  EXPECT_EQ(co_await content_of(opened), "con");
  EXPECT_TRUE(co_await opened.truncate(5));
  EXPECT_EQ(co_await content_of(opened), std::string("con\0\0", 5));
  EXPECT_TRUE(co_await opened.allocate(0, 8192));
  EXPECT_EQ((co_await opened.status()).value().size(), 8192U);
  EXPECT_TRUE(co_await opened.allocate(8192, 4096, FALLOC_FL_KEEP_SIZE));
  EXPECT_EQ((co_await opened.status()).value().size(), 8192U);
  EXPECT_EQ((co_await opened.allocate(0, 0)).error(), std::errc::invalid_argument);
}

GYRE_TEST(file_space, what_is_written_is_made_durable) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  EXPECT_TRUE(co_await opened.write_at(bytes_of("content"), 0));
  EXPECT_TRUE(co_await opened.sync_data());
  EXPECT_TRUE(co_await opened.sync());
  EXPECT_TRUE(co_await op::sync_file_range(opened.opened(), 0, 0, SYNC_FILE_RANGE_WRITE));
  EXPECT_TRUE(co_await opened.advise(0, 0, POSIX_FADV_SEQUENTIAL));
  EXPECT_TRUE(co_await opened.read_ahead(0, 4096));
  pipe both = pipe::create(4096).value();
  EXPECT_EQ((co_await op::fsync(both.write_end, op::fsync::what::all)).error(),
            std::errc::invalid_argument);
}

GYRE_TEST(file_space, a_whole_file_system_is_made_durable) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  EXPECT_TRUE(co_await opened.write_at(bytes_of("data"), 0));
  EXPECT_TRUE(co_await op::syncfs(opened.opened()));
  descriptor none;
  EXPECT_EQ((co_await op::syncfs(none)).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(file_space, nothing_begins_after_a_stop) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await opened.write_at(bytes_of("x"), 0)).error(),
                std::errc::operation_canceled);
      EXPECT_EQ((co_await opened.sync()).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await opened.truncate(10)).error(), std::errc::operation_canceled);
    });
    children.request_stop();
    co_return;
  });
  EXPECT_EQ((co_await opened.status()).value().size(), 0U);
}

GYRE_TEST(pipe_writes, a_full_pipe_is_waited_for) {
  pipe both = pipe::create(4096).value();
  const std::vector<std::byte> block(4096);
  EXPECT_EQ((co_await op::write(both.write_end, block)).value(), block.size());
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await op::write(both.write_end, bytes_of("more"))).value(), 4U);
    });
    std::vector<std::byte> read(block.size());
    EXPECT_EQ((co_await op::read(both.read_end, read)).value(), read.size());
  });
  std::array<std::byte, 10> rest;
  EXPECT_EQ((co_await op::read(both.read_end, rest)).value(), 4U);
  EXPECT_EQ(text_of(std::span(rest).first(4)), "more");
}

GYRE_TEST(pipe_writes, a_write_to_a_full_pipe_stops) {
  pipe both = pipe::create(4096).value();
  const std::vector<std::byte> block(4096);
  EXPECT_EQ((co_await op::write(both.write_end, block)).value(), block.size());
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await op::write(both.write_end, block)).error(), std::errc::operation_canceled);
    });
    co_await yield();
    children.request_stop();
  });
}

GYRE_TEST(pipe_writes, a_pipe_that_nobody_reads_is_broken) {
  pipe both = pipe::create(4096).value();
  (co_await both.read_end.close()).value();
  EXPECT_EQ((co_await op::write(both.write_end, bytes_of("x"))).error(), std::errc::broken_pipe);
}

}  // namespace
}  // namespace gyre::conformance
