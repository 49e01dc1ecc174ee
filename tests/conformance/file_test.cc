#include "gyre/fs/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<std::error_code> error_of_opening(directory& in, std::string path, int flags = O_RDONLY) {
  co_return (co_await in.open_beneath(std::move(path), flags)).error();
}

GYRE_TEST(files, a_file_reads_as_it_was_written) {
  const temporary_directory place;
  std::vector<std::byte> content(1'000'000);
  byte_pattern().fill(content);
  place.write("file", content);
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  std::vector<std::byte> read(content.size());
  EXPECT_EQ((co_await opened.read_at(read, 0)).value(), content.size());
  EXPECT_TRUE(byte_pattern().matches(read));
  EXPECT_TRUE((co_await opened.close()).has_value());
}

GYRE_TEST(files, a_read_is_short_at_the_end_only) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await opened.read_at(buffer, 0)).value(), 8U);
  EXPECT_EQ((co_await opened.read_at(buffer, 7)).value(), 3U);
  EXPECT_EQ(text_of(std::span(buffer).first(3)), "789");
  EXPECT_EQ((co_await opened.read_at(buffer, 10)).value(), 0U);
  EXPECT_EQ((co_await opened.read_at(buffer, 1'000'000'000'000)).value(), 0U);
  EXPECT_EQ((co_await opened.read_at(std::span<std::byte>(), 5)).value(), 0U);
}

GYRE_TEST(files, a_position_beyond_all_files_is_invalid) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  std::array<std::byte, 8> buffer;
  for (const std::uint64_t position : {std::uint64_t{1} << 63, UINT64_MAX - 7, UINT64_MAX}) {
    const auto got = co_await opened.read_at(buffer, position);
    EXPECT_EQ(got.error(), std::errc::invalid_argument) << position;
  }
}

GYRE_TEST(files, reads_at_once_do_not_disturb_each_other) {
  const temporary_directory place;
  std::vector<std::byte> content(100'000);
  byte_pattern().fill(content);
  place.write("file", content);
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  std::vector<std::byte> read(content.size());
  co_await with_scope([&](scope& children) -> task<> {
    for (std::size_t at = 0; at < content.size(); at += 1000)
      children.spawn([&opened, &read, at]() -> task<> {
        const auto part = std::span(read).subspan(at, 1000);
        EXPECT_EQ((co_await opened.read_at(part, at)).value(), 1000U);
      });
    co_return;
  });
  EXPECT_TRUE(byte_pattern().matches(read));
}

GYRE_TEST(files, what_is_not_there_cannot_be_opened) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  const auto error = [](auto opened) { return opened.error(); };
  EXPECT_EQ(error(co_await file::open(place.path_of("none"), O_RDONLY)),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ(error(co_await file::open(place.path_of("file/x"), O_RDONLY)),
            std::errc::not_a_directory);
  EXPECT_EQ(error(co_await file::open("", O_RDONLY)), std::errc::no_such_file_or_directory);
  EXPECT_EQ(error(co_await file::open(std::string(10'000, 'x'), O_RDONLY)),
            std::errc::filename_too_long);
  EXPECT_EQ(error(co_await file::open(place.path(), O_WRONLY)), std::errc::is_a_directory);
  EXPECT_EQ(error(co_await directory::open(place.path_of("file"))), std::errc::not_a_directory);
}

GYRE_TEST(files, a_path_with_a_nul_is_refused_and_not_cut) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  const std::string path = place.path_of("file") + std::string("\0.txt", 5);
  EXPECT_EQ((co_await file::open(path, O_RDONLY)).error(), std::errc::invalid_argument);
  directory root = (co_await directory::open(place.path())).value();
  EXPECT_EQ(co_await error_of_opening(root, std::string("file\0", 5)), std::errc::invalid_argument);
}

GYRE_TEST(files, a_mode_without_creation_is_ignored_as_by_open) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  EXPECT_TRUE((co_await file::open(place.path_of("file"), O_RDONLY, 0644)).has_value());
}

GYRE_TEST(files, a_file_can_be_made_with_a_mode) {
  const temporary_directory place;
  const int flags = O_WRONLY | O_CREAT | O_EXCL;
  file made = (co_await file::open(place.path_of("new"), flags, 0600)).value();
  const file_status status = (co_await made.status()).value();
  EXPECT_EQ(status.raw().stx_mode & 0777, 0600);
  const auto again = co_await file::open(place.path_of("new"), flags, 0600);
  EXPECT_EQ(again.error(), std::errc::file_exists);
}

GYRE_TEST(files, every_file_is_close_on_exec) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  directory root = (co_await directory::open(place.path())).value();
  EXPECT_TRUE(fcntl(opened.opened().number(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(fcntl(root.opened().number(), F_GETFD) & FD_CLOEXEC);
}

GYRE_TEST(files, a_status_says_what_a_file_is) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  file opened = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  const file_status status = (co_await opened.status()).value();
  struct stat expected{};
  EXPECT_EQ(stat(place.path_of("file").c_str(), &expected), 0);
  EXPECT_TRUE(status.is_regular());
  EXPECT_FALSE(status.is_directory());
  EXPECT_EQ(status.size(), 10U);
  EXPECT_EQ(status.inode(), expected.st_ino);
  EXPECT_EQ(status.modified_seconds(), expected.st_mtim.tv_sec);
  EXPECT_EQ(status.modified_nanoseconds(), expected.st_mtim.tv_nsec);

  file folder = (co_await file::open(place.path(), O_RDONLY)).value();
  EXPECT_TRUE((co_await folder.status()).value().is_directory());
}

GYRE_TEST(files, a_directory_cannot_be_read_as_a_file) {
  const temporary_directory place;
  file folder = (co_await file::open(place.path(), O_RDONLY)).value();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await folder.read_at(buffer, 0)).error(), std::errc::is_a_directory);
}

GYRE_TEST(files, what_was_closed_is_a_bad_descriptor) {
  file opened = (co_await file::open("/dev/null", O_RDONLY)).value();
  (co_await opened.close()).value();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ((co_await opened.read_at(buffer, 0)).error(), std::errc::bad_file_descriptor);
  const std::span<std::byte> nothing;
  EXPECT_EQ((co_await opened.read_at(nothing, 0)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await opened.status()).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await opened.close()).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(files_beneath, what_lies_in_a_directory_opens) {
  const temporary_directory place;
  place.make_directory("sub");
  place.write("sub/file", bytes_of("found"));
  place.link("inside", "sub/file");
  place.link("sub/up_and_down", "../sub/file");
  directory root = (co_await directory::open(place.path())).value();
  for (const char* path :
       {"sub/file", "./sub//file", "sub/../sub/file", "inside", "sub/up_and_down"}) {
    auto opened = co_await root.open_beneath(path, O_RDONLY);
    std::array<std::byte, 5> buffer;
    EXPECT_EQ((co_await opened.value().read_at(buffer, 0)).value(), 5U) << path;
    EXPECT_EQ(text_of(buffer), "found");
  }
}

GYRE_TEST(files_beneath, nothing_leads_out_of_a_directory) {
  const temporary_directory place;
  place.write("secret", bytes_of("secret"));
  place.make_directory("root");
  place.make_directory("root/sub");
  place.link("root/absolute", place.path_of("secret"));
  place.link("root/relative", "../secret");
  place.link("root/parent", "..");
  place.link("root/top", "/");
  directory root = (co_await directory::open(place.path_of("root"))).value();
  const std::string absolute = place.path_of("secret");
  for (const std::string& path :
       {std::string("../secret"), std::string("sub/../../secret"), std::string(".."), absolute,
        std::string("/"), std::string("absolute"), std::string("relative"),
        std::string("parent/secret"), std::string("top" + absolute),
        std::string("sub/../../root/sub")})
    EXPECT_EQ(co_await error_of_opening(root, path), std::errc::cross_device_link) << path;
}

GYRE_TEST(files_beneath, magic_links_and_circles_are_refused) {
  const temporary_directory place;
  place.link("circle", "circle");
  directory root = (co_await directory::open(place.path())).value();
  EXPECT_EQ(co_await error_of_opening(root, "circle"), std::errc::too_many_symbolic_link_levels);
  directory self = (co_await directory::open("/proc/self")).value();
  const auto error = co_await error_of_opening(self, "cwd/file");
  EXPECT_TRUE(error == std::errc::too_many_symbolic_link_levels ||
              error == std::errc::cross_device_link)
      << error;
}

GYRE_TEST(files_beneath, a_fifo_without_a_writer_does_not_block) {
  const temporary_directory place;
  EXPECT_EQ(mkfifo(place.path_of("fifo").c_str(), 0600), 0);
  directory root = (co_await directory::open(place.path())).value();
  file fifo = (co_await root.open_beneath("fifo", O_RDONLY)).value();
  EXPECT_FALSE((co_await fifo.status()).value().is_regular());
  (co_await fifo.close()).value();
  EXPECT_EQ(co_await error_of_opening(root, "fifo", O_WRONLY),
            std::errc::no_such_device_or_address);
}

GYRE_TEST(files_beneath, a_thousand_opens_leave_nothing) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  directory root = (co_await directory::open(place.path())).value();
  for (int i = 0; i < times(1000); ++i) {
    EXPECT_FALSE(co_await error_of_opening(root, "file"));
    EXPECT_TRUE(co_await error_of_opening(root, "none"));
  }
}

GYRE_TEST(files, opening_a_fifo_does_not_wait_for_its_other_end) {
  const temporary_directory place;
  EXPECT_EQ(mkfifo(place.path_of("fifo").c_str(), 0600), 0);
  file fifo = (co_await file::open(place.path_of("fifo"), O_RDONLY)).value();
  (co_await fifo.close()).value();
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("fifo");
  EXPECT_TRUE(co_await op::openat2(here, path.c_str(), O_RDONLY, 0, 0));
}

// Through a ring such a read would take what is there, and such a write add to it.
GYRE_TEST(files, what_has_no_positions_is_not_transferred_at_one) {
  gyre::pipe made = gyre::pipe::create(4096).value();
  file source(std::move(made.read_end));
  file sink(std::move(made.write_end));
  std::array<std::byte, 4> buffer{};
  const std::array<iovec, 1> buffers = {{{buffer.data(), buffer.size()}}};
  require(write(sink.opened().number(), "data", 4) == 4);
  EXPECT_EQ((co_await source.read_at(buffer, 0)).error(), std::errc::invalid_seek);
  EXPECT_EQ((co_await source.read_at(buffers, 0)).error(), std::errc::invalid_seek);
  EXPECT_EQ((co_await sink.write_at(buffer, 0)).error(), std::errc::invalid_seek);
  EXPECT_EQ((co_await sink.overwrite_at(buffer, 0)).error(), std::errc::invalid_seek);
  EXPECT_EQ((co_await sink.write_at(buffers, 0)).error(), std::errc::invalid_seek);
  auto [read, read_more] =
      co_await hard_link(source.read_at(buffer, 0), source.read_at(buffers, 0));
  EXPECT_EQ(read.error(), std::errc::invalid_seek);
  EXPECT_EQ(read_more.error(), std::errc::invalid_seek);
  auto [written, added, overwritten] = co_await hard_link(
      sink.write_at(buffer, 0), sink.write_at(buffers, 0), sink.overwrite_at(buffer, 0));
  EXPECT_EQ(written.error(), std::errc::invalid_seek);
  EXPECT_EQ(added.error(), std::errc::invalid_seek);
  EXPECT_EQ(overwritten.error(), std::errc::invalid_seek);
  EXPECT_EQ((co_await op::read(source.opened(), buffer)).value(), 4U);
  EXPECT_EQ(text_of(buffer), "data");
}

}  // namespace
}  // namespace gyre::conformance
