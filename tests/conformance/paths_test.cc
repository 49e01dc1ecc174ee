#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<directory> root_of(const temporary_directory& place, std::string_view name = "") {
  co_return (co_await directory::open(place.path_of(name))).value();
}

task<std::string> content_of(directory& in, std::string path) {
  file opened = (co_await in.open_beneath(std::move(path), O_RDONLY)).value();
  std::array<std::byte, 64> buffer;
  const std::size_t size = (co_await opened.read_at(buffer, 0)).value();
  co_return std::string(text_of(std::span(buffer).first(size)));
}

bool exists(const temporary_directory& place, std::string_view name) {
  return std::filesystem::exists(std::filesystem::symlink_status(place.path_of(name)));
}

GYRE_TEST(paths, a_status_is_that_of_the_file_or_of_the_link) {
  const temporary_directory place;
  place.make_directory("sub");
  place.write("sub/file", bytes_of("0123456789"));
  place.link("link", "sub/file");
  directory root = co_await root_of(place);
  for (const char* path : {"sub/file", "link"}) {
    const file_status beneath = (co_await root.status_beneath(path)).value();
    EXPECT_TRUE(beneath.is_regular()) << path;
    EXPECT_EQ(beneath.size(), 10U);
    const file_status absolute = (co_await status_of(place.path_of(path))).value();
    EXPECT_EQ(absolute.inode(), beneath.inode());
    EXPECT_EQ(absolute.modified_nanoseconds(), beneath.modified_nanoseconds());
  }
  const auto beneath = (co_await root.status_beneath("link", last_link::itself)).value();
  const auto absolute = (co_await status_of(place.path_of("link"), last_link::itself)).value();
  EXPECT_TRUE(S_ISLNK(beneath.raw().stx_mode));
  EXPECT_TRUE(S_ISLNK(absolute.raw().stx_mode));
  EXPECT_TRUE((co_await root.status_beneath(".")).value().is_directory());
  EXPECT_EQ((co_await root.status_beneath("none")).error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ((co_await status_of(place.path_of("none"))).error(),
            std::errc::no_such_file_or_directory);
}

GYRE_TEST(paths, directories_are_made_and_removed) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  (co_await root.make_directory_beneath("new", 0700)).value();
  (co_await root.make_directory_beneath("new/inner")).value();
  EXPECT_EQ((co_await root.status_beneath("new")).value().raw().stx_mode & 0777, 0700);
  EXPECT_EQ((co_await root.make_directory_beneath("new")).error(), std::errc::file_exists);
  EXPECT_EQ((co_await root.make_directory_beneath("none/new")).error(),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ((co_await root.remove_directory_beneath("new")).error(),
            std::errc::directory_not_empty);
  directory opened = (co_await root.open_directory_beneath("new")).value();
  (co_await opened.remove_directory_beneath("inner")).value();
  (co_await opened.close()).value();
  (co_await root.remove_directory_beneath("new")).value();
  EXPECT_FALSE(exists(place, "new"));
}

GYRE_TEST(paths, a_directory_is_synced) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  (co_await root.make_directory_beneath("new")).value();
  EXPECT_TRUE(co_await root.sync());
}

GYRE_TEST(paths, a_file_gets_another_mode_and_owner) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  directory root = co_await root_of(place);
  file opened = (co_await root.open_beneath("file", O_RDONLY)).value();
  EXPECT_TRUE(co_await opened.change_mode(0666));
  EXPECT_EQ((co_await opened.status()).value().raw().stx_mode & 07777, 0666);
  const auto before = (co_await opened.status()).value();
  EXPECT_TRUE(co_await opened.change_owner(before.raw().stx_uid, static_cast<gid_t>(-1)));
  EXPECT_EQ((co_await opened.status()).value().raw().stx_gid, before.raw().stx_gid);
  file kernels = (co_await file::open("/proc/self/comm", O_RDONLY)).value();
  EXPECT_EQ((co_await kernels.change_mode(0600)).error(), std::errc::operation_not_permitted);
  (co_await opened.close()).value();
  EXPECT_EQ((co_await opened.change_owner(0, 0)).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(paths, files_are_removed) {
  const temporary_directory place;
  place.make_directory("sub");
  place.write("sub/file", bytes_of("x"));
  place.link("link", "sub/file");
  directory root = co_await root_of(place);
  EXPECT_EQ((co_await root.remove_beneath("sub")).error(), std::errc::is_a_directory);
  EXPECT_EQ((co_await root.remove_directory_beneath("sub/file")).error(),
            std::errc::not_a_directory);
  (co_await root.remove_beneath("link")).value();
  EXPECT_TRUE(exists(place, "sub/file"));
  (co_await root.remove_beneath("sub/file")).value();
  EXPECT_FALSE(exists(place, "sub/file"));
  EXPECT_EQ((co_await root.remove_beneath("sub/file")).error(),
            std::errc::no_such_file_or_directory);
}

GYRE_TEST(paths, renaming_replaces_keeps_or_exchanges) {
  const temporary_directory place;
  place.write("one", bytes_of("1"));
  place.write("two", bytes_of("2"));
  directory root = co_await root_of(place);
  EXPECT_EQ((co_await root.rename_beneath("one", "two", rename_rule::keep)).error(),
            std::errc::file_exists);
  (co_await root.rename_beneath("one", "two", rename_rule::exchange)).value();
  EXPECT_EQ(co_await content_of(root, "one"), "2");
  EXPECT_EQ(co_await content_of(root, "two"), "1");
  (co_await root.rename_beneath("one", "two")).value();
  EXPECT_EQ(co_await content_of(root, "two"), "2");
  EXPECT_FALSE(exists(place, "one"));
  (co_await root.rename_beneath("two", "three", rename_rule::keep)).value();
  EXPECT_EQ(co_await content_of(root, "three"), "2");
  EXPECT_EQ((co_await root.rename_beneath("three", "none", rename_rule::exchange)).error(),
            std::errc::no_such_file_or_directory);
}

GYRE_TEST(paths, renaming_leads_from_one_directory_to_another) {
  const temporary_directory place;
  place.make_directory("from");
  place.make_directory("from/sub");
  place.make_directory("to");
  place.write("from/sub/file", bytes_of("moved"));
  directory from = co_await root_of(place, "from");
  directory to = co_await root_of(place, "to");
  (co_await from.rename_beneath("sub/file", to, "file")).value();
  EXPECT_EQ(co_await content_of(to, "file"), "moved");
  EXPECT_FALSE(exists(place, "from/sub/file"));
}

GYRE_TEST(paths, a_symbolic_link_says_what_it_was_told) {
  const temporary_directory place;
  place.make_directory("sub");
  directory root = co_await root_of(place);
  (co_await root.make_symbolic_link_beneath("../anywhere", "sub/link")).value();
  EXPECT_EQ((co_await root.read_link_beneath("sub/link")).value(), "../anywhere");
  const std::string longest(4095, 'x');
  const auto made = co_await root.make_symbolic_link_beneath(longest, "long");
  if (made)  // not every file system takes one
    EXPECT_EQ((co_await root.read_link_beneath("long")).value(), longest);
  else
    EXPECT_EQ(made.error(), std::errc::filename_too_long);
  EXPECT_EQ((co_await root.make_symbolic_link_beneath(longest + "x", "longer")).error(),
            std::errc::filename_too_long);
  EXPECT_EQ((co_await root.make_symbolic_link_beneath("x", "sub/link")).error(),
            std::errc::file_exists);
  EXPECT_EQ((co_await root.make_symbolic_link_beneath("", "empty")).error(),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ((co_await root.read_link_beneath("sub")).error(), std::errc::invalid_argument);
}

GYRE_TEST(paths, a_link_is_one_more_name) {
  const temporary_directory place;
  place.write("file", bytes_of("shared"));
  place.make_directory("sub");
  place.link("symbolic", "file");
  directory root = co_await root_of(place);
  directory sub = co_await root_of(place, "sub");
  (co_await root.link_beneath("file", sub, "again")).value();
  (co_await root.link_beneath("symbolic", "link_to_link")).value();
  EXPECT_EQ((co_await root.status_beneath("file")).value().inode(),
            (co_await sub.status_beneath("again")).value().inode());
  EXPECT_EQ((co_await root.read_link_beneath("link_to_link")).value(), "file");
  EXPECT_EQ((co_await root.link_beneath("file", "symbolic")).error(), std::errc::file_exists);
  EXPECT_EQ((co_await root.link_beneath("sub", "other")).error(),
            std::errc::operation_not_permitted);
}

/// The errors of everything that changes `path`.
task<> expect_all_to_fail(directory& root, std::string path, std::errc expected) {
  EXPECT_EQ((co_await root.make_directory_beneath(path)).error(), expected) << path;
  EXPECT_EQ((co_await root.remove_beneath(path)).error(), expected) << path;
  EXPECT_EQ((co_await root.remove_directory_beneath(path)).error(), expected) << path;
  EXPECT_EQ((co_await root.rename_beneath(path, "new")).error(), expected) << path;
  EXPECT_EQ((co_await root.rename_beneath("file", path)).error(), expected) << path;
  EXPECT_EQ((co_await root.make_symbolic_link_beneath("x", path)).error(), expected) << path;
  EXPECT_EQ((co_await root.read_link_beneath(path)).error(), expected) << path;
  EXPECT_EQ((co_await root.link_beneath(path, "new")).error(), expected) << path;
  EXPECT_EQ((co_await root.link_beneath("file", path)).error(), expected) << path;
}

GYRE_TEST(paths, nothing_outside_is_changed) {
  const temporary_directory place;
  place.write("outside", bytes_of("x"));
  place.make_directory("root");
  place.write("root/file", bytes_of("x"));
  place.make_directory("root/sub");
  place.link("root/up", "..");
  place.link("root/top", "/");
  directory root = co_await root_of(place, "root");
  for (const char* path :
       {"../outside", "sub/../../outside", "up/outside", "top/outside", "/outside"}) {
    co_await expect_all_to_fail(root, path, std::errc::cross_device_link);
    EXPECT_EQ((co_await root.status_beneath(path)).error(), std::errc::cross_device_link) << path;
    EXPECT_EQ((co_await root.open_directory_beneath(path)).error(), std::errc::cross_device_link)
        << path;
  }
  EXPECT_TRUE(exists(place, "outside"));
  EXPECT_TRUE(exists(place, "root/file"));
}

GYRE_TEST(paths, what_is_no_name_is_refused) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  place.make_directory("sub");
  directory root = co_await root_of(place);
  for (const std::string& path :
       {std::string("."), std::string(".."), std::string("sub/."), std::string("sub/.."),
        std::string("sub/"), std::string("file\0", 5), std::string("su\0b/file", 9)})
    co_await expect_all_to_fail(root, path, std::errc::invalid_argument);
  co_await expect_all_to_fail(root, "", std::errc::no_such_file_or_directory);
  co_await expect_all_to_fail(root, std::string(256, 'x'), std::errc::filename_too_long);
  co_await expect_all_to_fail(root, std::string(5000, 'x') + "/x", std::errc::filename_too_long);
  co_await expect_all_to_fail(root, "file/x", std::errc::not_a_directory);
  const std::string cut("file\0", 5);
  EXPECT_EQ((co_await status_of(place.path_of(cut))).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await root.status_beneath(cut)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await root.make_symbolic_link_beneath(cut, "link")).error(),
            std::errc::invalid_argument);
  EXPECT_TRUE(exists(place, "file"));
  EXPECT_FALSE(exists(place, "new"));
}

GYRE_TEST(paths, what_was_stopped_before_changes_nothing) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  place.make_directory("sub");
  directory root = co_await root_of(place);
  event never;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (void)co_await never.wait();
      co_await expect_all_to_fail(root, "sub/new", std::errc::operation_canceled);
      co_await expect_all_to_fail(root, "other", std::errc::operation_canceled);
    });
    children.request_stop();
    co_return;
  });
  EXPECT_TRUE(exists(place, "file"));
  EXPECT_FALSE(exists(place, "other"));
}

GYRE_TEST(paths, closing_a_directory_waits_for_what_is_in_flight) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  std::array<std::error_code, 32> errors;
  co_await with_scope([&](scope& children) -> task<> {
    for (std::size_t i = 0; i < errors.size(); ++i)
      children.spawn([&root, &errors, i]() -> task<> {
        errors[i] = (co_await root.make_directory_beneath(std::to_string(i))).error();
      });
    children.spawn([&root]() -> task<> { EXPECT_TRUE((co_await root.close()).has_value()); });
    co_return;
  });
  for (std::size_t i = 0; i < errors.size(); ++i) {
    EXPECT_TRUE(!errors[i] || errors[i] == std::errc::operation_canceled) << errors[i];
    EXPECT_EQ(exists(place, std::to_string(i)), !errors[i]);
  }
}

GYRE_TEST_STOPPED_ANYWHERE(paths, making_moving_and_removing) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  (co_await root.make_directory_beneath("sub")).value();
  (co_await root.make_directory_beneath("sub/one")).value();
  (co_await root.rename_beneath("sub/one", "sub/two")).value();
  (co_await root.make_symbolic_link_beneath("x", "sub/link")).value();
  (co_await root.link_beneath("sub/link", "link")).value();
  EXPECT_EQ((co_await root.read_link_beneath("link")).value(), "x");
  (co_await root.remove_beneath("sub/link")).value();
  (co_await root.remove_directory_beneath("sub/two")).value();
}

}  // namespace
}  // namespace gyre::conformance
