#include <fcntl.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/mapping_ops.h"
#include "gyre/io/path_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/space_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/io/xattr_ops.h"
#include "gyre/runtime/link.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/file_size_limit.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<file> new_file(const temporary_directory& place) {
  co_return (co_await file::open(place.path_of("file"), O_RDWR | O_CREAT | O_EXCL, 0600)).value();
}

GYRE_TEST(file_links, a_write_is_durable_before_it_is_read) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  std::array<std::byte, 4> buffer;
  auto [written, durable, read] = co_await link(opened.write_at(bytes_of("data"), 0),
                                                opened.sync_data(), opened.read_at(buffer, 0));
  EXPECT_TRUE(written && durable);
  EXPECT_EQ(read.value(), 4U);
  EXPECT_EQ(text_of(buffer), "data");
}

GYRE_TEST(file_links, nothing_is_made_durable_after_a_write_that_failed) {
  file full = (co_await file::open("/dev/full", O_WRONLY)).value();
  auto [written, durable] = co_await link(full.write_at(bytes_of("data"), 0), full.sync());
  EXPECT_EQ(written.error(), std::errc::no_space_on_device);
  EXPECT_EQ(durable.error(), std::errc::operation_canceled);
}

/// Links what `fail()` gives, which must fail, with the making of a directory, which must not be
/// made.
template <class Fail>
task<> expect_cut(descriptor& at, Fail fail) {
  auto [failed, made] = co_await link(fail(), op::mkdirat(at, "made", 0700));
  EXPECT_FALSE(failed);
  EXPECT_EQ(made.error(), std::errc::operation_canceled);
  const auto there = co_await op::stat(at, "made", 0);
  EXPECT_EQ(there.error(), std::errc::no_such_file_or_directory);
}

GYRE_TEST(file_links, a_failure_of_what_changes_names_cuts_a_link) {
  const temporary_directory place;
  directory here = (co_await directory::open(place.path_of("."))).value();
  descriptor& at = here.opened();
  co_await expect_cut(at, [&] { return op::stat(at, "none", 0); });
  co_await expect_cut(at, [&] { return op::renameat2(at, "none", at, "other", 0); });
  co_await expect_cut(at, [&] { return op::unlinkat(at, "none", 0); });
  co_await expect_cut(at, [&] { return op::mkdirat(at, "none/none", 0700); });
  co_await expect_cut(at, [&] { return op::symlinkat("text", at, "none/none"); });
  co_await expect_cut(at, [&] { return op::linkat(at, "none", at, "other", 0); });
}

GYRE_TEST(file_links, a_failure_of_what_shapes_a_file_cuts_a_link) {
  const temporary_directory place;
  directory here = (co_await directory::open(place.path_of("."))).value();
  descriptor& at = here.opened();
  pipe made = pipe::create(4096).value();
  descriptor& no_file = made.read_end;
  std::array<std::byte, 8> bytes;
  constexpr int no_advice = 999;
  co_await expect_cut(at, [&] { return op::fsync(no_file, op::fsync::what::all); });
  co_await expect_cut(at, [&] { return op::sync_file_range(no_file, 0, 0, 0); });
  co_await expect_cut(at, [&] { return op::fallocate(no_file, 0, 0, 10); });
  co_await expect_cut(at, [&] { return op::ftruncate(no_file, 10); });
  co_await expect_cut(at, [&] { return op::fadvise(no_file, 0, 0, POSIX_FADV_NORMAL); });
  co_await expect_cut(at, [&] { return op::madvise(no_file, bytes, no_advice); });
  co_await expect_cut(at, [&] { return op::fgetxattr(no_file, "user.none", bytes); });
  co_await expect_cut(at, [&] { return op::fsetxattr(no_file, "none", bytes, 0); });
  co_await expect_cut(at, [&] { return op::getxattr("/none", "user.none", bytes); });
  co_await expect_cut(at, [&] { return op::setxattr("/none", "user.none", bytes, 0); });
}

GYRE_TEST(file_links, a_write_that_ends_early_is_an_error) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  const std::vector<std::byte> content(10'000);
  const file_size_limit limit(4096);
  auto [written, durable] = co_await link(opened.write_at(content, 0), opened.sync());
  EXPECT_EQ(written.error(), std::errc::file_too_large);
  EXPECT_EQ(durable.error(), std::errc::operation_canceled);
  (co_await opened.truncate(0)).value();
  auto [rewritten, synced] = co_await hard_link(opened.write_at(content, 0), opened.sync());
  EXPECT_FALSE(rewritten) << "what the kernel took at once was less than all";
  EXPECT_TRUE(synced);
}

GYRE_TEST(file_links, an_empty_write_cuts_nothing) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  auto [written, durable] =
      co_await link(opened.write_at(std::span<const std::byte>(), 0), opened.sync());
  EXPECT_TRUE(written && durable);
}

GYRE_TEST(file_links, several_buffers_are_transferred) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  std::string from = "abcdef";
  const std::array<iovec, 2> halves = {{{from.data(), 3}, {from.data() + 3, 3}}};
  std::string into(6, ' ');
  const std::array<iovec, 2> thirds = {{{into.data(), 2}, {into.data() + 2, 4}}};
  auto [written, read] = co_await link(opened.write_at(halves, 1), opened.read_at(thirds, 1));
  EXPECT_EQ(written.value(), 6U);
  EXPECT_EQ(read.value(), 6U);
  EXPECT_EQ(into, from);
}

GYRE_TEST(file_links, a_file_is_shaped) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  auto [allocated, truncated, advised, written_back, status] = co_await link(
      opened.allocate(0, 8192), opened.truncate(100), opened.advise(0, 0, POSIX_FADV_DONTNEED),
      op::sync_file_range(opened.opened(), 0, 0, SYNC_FILE_RANGE_WRITE),
      op::fstat(opened.opened()));
  EXPECT_TRUE(allocated && truncated && advised && written_back);
  EXPECT_EQ(status.value().stx_size, 100U);
}

GYRE_TEST(file_links, sizes_that_no_submission_can_tell_are_not_cut) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  const std::uint64_t much = std::uint64_t{1} << 32;
  auto [truncated, advised, written_back, status] =
      co_await link(opened.truncate(much + 1), opened.advise(0, much, POSIX_FADV_SEQUENTIAL),
                    op::sync_file_range(opened.opened(), 0, much, SYNC_FILE_RANGE_WRITE),
                    op::fstat(opened.opened()));
  EXPECT_TRUE(truncated && advised && written_back);
  EXPECT_EQ(status.value().stx_size, much + 1);
}

GYRE_TEST(file_links, names_are_made_and_removed) {
  const temporary_directory place;
  directory here = (co_await directory::open(place.path_of("."))).value();
  descriptor& at = here.opened();
  file opened = co_await new_file(place);
  auto [made, linked, pointed, renamed, status] =
      co_await link(op::mkdirat(at, "room", 0700), op::linkat(at, "file", at, "room/second", 0),
                    op::symlinkat("second", at, "room/pointer"),
                    op::renameat2(at, "room/second", at, "room/renamed", RENAME_NOREPLACE),
                    op::stat(at, "room/renamed", 0));
  EXPECT_TRUE(made && linked && pointed && renamed);
  EXPECT_EQ(status.value().stx_nlink, 2U);
  auto [first, second, room, missing] =
      co_await link(op::unlinkat(at, "room/renamed", 0), op::unlinkat(at, "room/pointer", 0),
                    op::unlinkat(at, "room", AT_REMOVEDIR), op::stat(at, "room", 0));
  EXPECT_TRUE(first && second && room);
  EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
}

GYRE_TEST(file_links, attributes_are_set_and_told) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  const std::string path = place.path_of("file");
  std::array<std::byte, 8> by_file;
  std::array<std::byte, 8> by_path;
  auto [set, told, set_again, told_again] =
      co_await link(op::fsetxattr(opened.opened(), "user.color", bytes_of("red"), 0),
                    op::fgetxattr(opened.opened(), "user.color", by_file),
                    op::setxattr(path.c_str(), "user.color", bytes_of("blue"), XATTR_REPLACE),
                    op::getxattr(path.c_str(), "user.color", by_path));
  if (!set && set.error() == std::errc::not_supported) co_return;  // by this file system
  EXPECT_TRUE(set && set_again);
  EXPECT_EQ(text_of(by_file).substr(0, told.value()), "red");
  EXPECT_EQ(text_of(by_path).substr(0, told_again.value()), "blue");
}

GYRE_TEST_STOPPED_ANYWHERE(file_links, a_link_of_writes_leaves_nothing) {
  const temporary_directory place;
  file opened = co_await new_file(place);
  auto [written, durable, cut] =
      co_await link(opened.write_at(bytes_of("data"), 0), opened.sync(), opened.truncate(1));
  auto [rewritten, synced] =
      co_await hard_link(opened.write_at(bytes_of("more"), 0), opened.sync_data());
  require(written && durable && cut && rewritten && synced);
}

}  // namespace
}  // namespace gyre::conformance
