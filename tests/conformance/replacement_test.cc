#include "gyre/fs/replacement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/file_size_limit.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<directory> root_of(const temporary_directory& place) {
  co_return (co_await directory::open(place.path())).value();
}

std::string content_of(const temporary_directory& place, std::string_view name) {
  std::ifstream in(place.path_of(name), std::ios::binary);
  require(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries_of(const temporary_directory& place, std::string_view name = "") {
  return names_in(place.path_of(name)).size();
}

struct stat status_of_entry(const temporary_directory& place, std::string_view name) {
  struct stat status{};
  require(lstat(place.path_of(name).c_str(), &status) == 0);
  return status;
}

void set_mode(const temporary_directory& place, std::string_view name, unsigned mode) {
  require(chmod(place.path_of(name).c_str(), mode) == 0);
}

replacement_options with_mode(unsigned mode) {
  replacement_options options;
  options.mode = mode;
  return options;
}

GYRE_TEST(replacements, a_file_is_replaced) {
  const temporary_directory place;
  place.write("file", bytes_of("old and longer"));
  const auto before = status_of_entry(place, "file");
  directory root = co_await root_of(place);
  EXPECT_TRUE(co_await replace_file(root, "file", bytes_of("new")));
  EXPECT_EQ(content_of(place, "file"), "new");
  EXPECT_NE(status_of_entry(place, "file").st_ino, before.st_ino);
  EXPECT_TRUE(co_await replace_file(root, "file", std::span<const std::byte>()));
  EXPECT_EQ(content_of(place, "file"), "");
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, one_is_made_where_there_is_none) {
  const temporary_directory place;
  place.make_directory("sub");
  directory root = co_await root_of(place);
  const mode_t mask = umask(027);
  const auto replaced = co_await replace_file(root, "sub/file", bytes_of("new"));
  umask(mask);
  EXPECT_TRUE(replaced);
  EXPECT_EQ(content_of(place, "sub/file"), "new");
  EXPECT_EQ(status_of_entry(place, "sub/file").st_mode & 07777, 0640U);
  EXPECT_EQ(entries_of(place, "sub"), 1U);
}

GYRE_TEST(replacements, a_large_content_is_written_in_parts) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = co_await root_of(place);
  std::vector<std::byte> content(1'000'000);
  byte_pattern().fill(content);
  auto next = (co_await replacement::begin(root, "file")).value();
  co_await with_scope([&](scope& writers) -> task<> {
    for (std::size_t at = 0; at < content.size(); at += 250'000)
      writers.spawn([&next, part = std::span(content).subspan(at, 250'000), at]() -> task<> {
        EXPECT_TRUE(co_await next.content().write_at(part, at));
      });
    co_return;
  });
  EXPECT_EQ(content_of(place, "file"), "old");
  EXPECT_TRUE(co_await next.commit());
  const std::string written = content_of(place, "file");
  EXPECT_EQ(written.size(), content.size());
  EXPECT_TRUE(byte_pattern().matches(std::as_bytes(std::span(written))));
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, owner_and_mode_are_kept) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = co_await root_of(place);
  for (const unsigned mode : {0444U, 0600U, 0664U, 04711U}) {
    set_mode(place, "file", mode);
    EXPECT_TRUE(co_await replace_file(root, "file", bytes_of("new")));
    EXPECT_EQ(status_of_entry(place, "file").st_mode & 07777, mode);
  }
  // Who may give files away can tell whether others' stay theirs.
  const bool privileged = chown(place.path_of("file").c_str(), 1234, 5678) == 0;
  const auto before = status_of_entry(place, "file");
  EXPECT_TRUE(co_await replace_file(root, "file", bytes_of("new")));
  EXPECT_EQ(status_of_entry(place, "file").st_uid, before.st_uid);
  EXPECT_EQ(status_of_entry(place, "file").st_gid, before.st_gid);
  EXPECT_EQ(before.st_uid == 1234, privileged);
}

GYRE_TEST(replacements, a_mode_is_given_to_a_file_of_ones_own) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  [[maybe_unused]] const int given_away = chown(place.path_of("file").c_str(), 1234, 5678);
  directory root = co_await root_of(place);
  EXPECT_TRUE(co_await replace_file(root, "file", bytes_of("new"), with_mode(0666)));
  EXPECT_EQ(status_of_entry(place, "file").st_mode & 07777, 0666U) << "the umask does not apply";
  EXPECT_EQ(status_of_entry(place, "file").st_uid, geteuid());
}

GYRE_TEST(replacements, nobody_else_may_open_the_content_before) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  set_mode(place, "file", 0644);
  directory root = co_await root_of(place);
  auto next = (co_await replacement::begin(root, "file")).value();
  EXPECT_EQ((co_await next.content().status()).value().raw().stx_mode & 07777, 0600);
  EXPECT_TRUE(co_await next.commit());
  EXPECT_EQ(status_of_entry(place, "file").st_mode & 07777, 0644U);
}

GYRE_TEST(replacements, a_symbolic_link_is_replaced_itself) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  place.link("link", "file");
  place.link("dangling", "none");
  directory root = co_await root_of(place);
  for (const char* name : {"link", "dangling"}) {
    EXPECT_TRUE(co_await replace_file(root, name, bytes_of("new")));
    EXPECT_TRUE(S_ISREG(status_of_entry(place, name).st_mode));
    EXPECT_EQ(status_of_entry(place, name).st_mode & 0111, 0U) << "all may do all with a link";
    EXPECT_EQ(content_of(place, name), "new");
  }
  EXPECT_EQ(content_of(place, "file"), "old");
}

GYRE_TEST(replacements, other_names_keep_the_old_content) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  std::filesystem::create_hard_link(place.path_of("file"), place.path_of("other"));
  directory root = co_await root_of(place);
  file opened = (co_await root.open_beneath("file", O_RDONLY)).value();
  EXPECT_TRUE(co_await replace_file(root, "file", bytes_of("new")));
  EXPECT_EQ(content_of(place, "other"), "old");
  std::array<std::byte, 3> buffer;
  EXPECT_EQ((co_await opened.read_at(buffer, 0)).value(), 3U);
  EXPECT_EQ(text_of(buffer), "old");
}

GYRE_TEST(replacements, paths_that_can_not_be_replaced_are_refused) {
  const temporary_directory place;
  place.make_directory("sub");
  place.link("outside", "..");
  directory root = co_await root_of(place);
  const auto refused = [&](std::string path, std::errc error) -> task<> {
    EXPECT_EQ((co_await replace_file(root, path, bytes_of("new"))).error(), error) << path;
  };
  co_await refused("sub", std::errc::is_a_directory);
  co_await refused("sub/", std::errc::invalid_argument);
  co_await refused("sub/..", std::errc::invalid_argument);
  co_await refused(".", std::errc::invalid_argument);
  co_await refused("", std::errc::no_such_file_or_directory);
  co_await refused("none/file", std::errc::no_such_file_or_directory);
  co_await refused("../file", std::errc::cross_device_link);
  co_await refused("outside/file", std::errc::cross_device_link);
  co_await refused("/file", std::errc::cross_device_link);
  co_await refused(std::string("a\0b", 3), std::errc::invalid_argument);
  co_await refused(std::string(NAME_MAX + 1, 'n'), std::errc::filename_too_long);
  EXPECT_EQ(entries_of(place), 2U);
  EXPECT_EQ(entries_of(place, "sub"), 0U);
}

GYRE_TEST(replacements, the_longest_name_can_be_replaced) {
  const temporary_directory place;
  const std::string name(NAME_MAX, 'n');
  directory root = co_await root_of(place);
  EXPECT_TRUE(co_await replace_file(root, name, bytes_of("first")));
  EXPECT_TRUE(co_await replace_file(root, name, bytes_of("second")));
  EXPECT_EQ(content_of(place, name), "second");
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, a_content_that_does_not_fit_leaves_the_old_one) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = co_await root_of(place);
  const std::vector<std::byte> content(10'000);
  const file_size_limit limit(4096);
  EXPECT_EQ((co_await replace_file(root, "file", content)).error(), std::errc::file_too_large);
  EXPECT_EQ(content_of(place, "file"), "old");
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, what_became_a_directory_meanwhile_stays) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  auto next = (co_await replacement::begin(root, "file")).value();
  place.make_directory("file");
  EXPECT_EQ((co_await next.commit()).error(), std::errc::is_a_directory);
  EXPECT_TRUE(S_ISDIR(status_of_entry(place, "file").st_mode));
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, what_is_discarded_leaves_nothing) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = co_await root_of(place);
  auto first = (co_await replacement::begin(root, "file")).value();
  EXPECT_EQ(entries_of(place), 2U);
  EXPECT_TRUE(co_await first.discard());
  EXPECT_TRUE(co_await first.discard());
  EXPECT_EQ(entries_of(place), 1U);
  {
    auto dropped = (co_await replacement::begin(root, "file")).value();
    EXPECT_TRUE(co_await dropped.content().write_at(bytes_of("new"), 0));
    replacement moved = std::move(dropped);
    moved = (co_await replacement::begin(root, "file")).value();
    EXPECT_EQ(entries_of(place), 2U);
  }
  EXPECT_EQ(entries_of(place), 1U);
  EXPECT_EQ(content_of(place, "file"), "old");
}

GYRE_TEST(replacements, the_directory_need_not_stay) {
  const temporary_directory place;
  std::optional<directory> root(co_await root_of(place));
  auto next = (co_await replacement::begin(*root, "file")).value();
  root.reset();
  EXPECT_TRUE(co_await next.content().write_at(bytes_of("new"), 0));
  EXPECT_TRUE(co_await next.commit());
  EXPECT_EQ(content_of(place, "file"), "new");
}

GYRE_TEST(replacements, of_several_at_once_the_last_one_stays) {
  const temporary_directory place;
  directory root = co_await root_of(place);
  auto first = (co_await replacement::begin(root, "file")).value();
  auto second = (co_await replacement::begin(root, "file")).value();
  EXPECT_TRUE(co_await first.content().write_at(bytes_of("first"), 0));
  EXPECT_TRUE(co_await second.content().write_at(bytes_of("second"), 0));
  EXPECT_TRUE(co_await second.commit());
  EXPECT_EQ(content_of(place, "file"), "second");
  EXPECT_TRUE(co_await first.commit());
  EXPECT_EQ(content_of(place, "file"), "first");
  const std::vector<std::string> contents = {std::string(9000, 'a'), std::string(5000, 'b'),
                                             std::string(100, 'c')};
  co_await with_scope([&](scope& writers) -> task<> {
    for (const std::string& content : contents)
      writers.spawn(
          [&]() -> task<> { EXPECT_TRUE(co_await replace_file(root, "file", bytes_of(content))); });
    co_return;
  });
  const std::string last = content_of(place, "file");
  EXPECT_TRUE(last == contents[0] || last == contents[1] || last == contents[2]);
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST(replacements, nothing_begins_after_a_stop) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = co_await root_of(place);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      auto next = (co_await shield(replacement::begin(root, "file"))).value();
      EXPECT_EQ((co_await next.content().write_at(bytes_of("x"), 0)).error(),
                std::errc::operation_canceled);
      EXPECT_EQ((co_await next.commit()).error(), std::errc::operation_canceled);
      EXPECT_EQ((co_await replace_file(root, "file", bytes_of("new"))).error(),
                std::errc::operation_canceled);
    });
    children.request_stop();
    co_return;
  });
  EXPECT_EQ(content_of(place, "file"), "old");
  EXPECT_EQ(entries_of(place), 1U);
}

GYRE_TEST_THAT_DIES(replacements, one_commits_once, "was committed twice") {
  std::optional<temporary_directory> place(std::in_place);
  directory root = co_await root_of(*place);
  auto next = (co_await replacement::begin(root, "file")).value();
  (co_await next.commit()).value();
  place.reset();  // which nobody would after the end
  (void)co_await next.commit();
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_file_that_is_replaced) {
  const temporary_directory place;
  place.write("file", bytes_of("old"));
  directory root = (co_await shield(directory::open(place.path()))).value();
  const auto replaced = co_await replace_file(root, "file", bytes_of("new"));
  EXPECT_EQ(content_of(place, "file"), replaced ? "new" : "old");
  EXPECT_EQ(entries_of(place), 1U);
  require(replaced || replaced.error() == std::errc::operation_canceled);
  replaced.value();
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_replacement_that_nobody_commits) {
  const temporary_directory place;
  directory root = (co_await shield(directory::open(place.path()))).value();
  try {
    auto next = (co_await replacement::begin(root, "file")).value();
    (co_await next.content().write_at(bytes_of("new"), 0)).value();
    (co_await next.discard()).value();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::operation_canceled);
  }
  EXPECT_EQ(entries_of(place), 0U);
}

}  // namespace
}  // namespace gyre::conformance
