#include <sys/stat.h>

#include <map>
#include <set>
#include <string>
#include <system_error>

#include "gyre/fs/directory.h"
#include "gyre/fs/directory_reader.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

task<directory_reader> reader_of(const temporary_directory& place) {
  directory root = (co_await directory::open(place.path())).value();
  co_return (co_await directory_reader::open(root)).value();
}

GYRE_TEST(directory_iteration, each_entry_comes_once) {
  const temporary_directory place;
  std::set<std::string> expected;
  const std::string long_name(200, 'x');
  for (int i = 0; i < times(400, 50); ++i) {  // several batches
    const std::string name = long_name + std::to_string(i);
    place.write(name, bytes_of(""));
    expected.insert(name);
  }
  directory_reader reader = co_await reader_of(place);
  std::set<std::string> names;
  while (const auto entry = (co_await reader.next()).value())
    EXPECT_TRUE(names.emplace(entry->name()).second) << entry->name();
  EXPECT_EQ(names, expected);
  EXPECT_FALSE((co_await reader.next()).value().has_value());
  EXPECT_TRUE((co_await reader.close()).has_value());
}

GYRE_TEST(directory_iteration, an_empty_directory_has_no_entries) {
  const temporary_directory place;
  directory_reader reader = co_await reader_of(place);
  EXPECT_FALSE((co_await reader.next()).value().has_value());
}

GYRE_TEST(directory_iteration, an_entry_says_what_it_is) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  place.make_directory("folder");
  place.link("link", "anywhere");
  EXPECT_EQ(mkfifo(place.path_of("fifo").c_str(), 0600), 0);
  directory root = (co_await directory::open(place.path())).value();
  directory_reader reader = (co_await directory_reader::open(root)).value();
  std::map<std::string, entry_type> types;
  while (const auto entry = (co_await reader.next()).value()) {
    types.emplace(entry->name(), entry->type());
    const std::string name(entry->name());
    const auto status = co_await root.status_beneath(name, last_link::itself);
    EXPECT_EQ(status.value().inode(), entry->inode()) << name;
  }
  const auto is = [&](const char* name, entry_type type) {
    const auto found = types.at(name);  // unknown where the file system does not tell
    EXPECT_TRUE(found == type || found == entry_type::unknown) << name;
  };
  EXPECT_EQ(types.size(), 4U);
  is("file", entry_type::regular);
  is("folder", entry_type::directory);
  is("link", entry_type::symbolic_link);
  is("fifo", entry_type::fifo);
}

GYRE_TEST(directory_iteration, readers_do_not_disturb_each_other) {
  const temporary_directory place;
  for (int i = 0; i < 10; ++i) place.write(std::to_string(i), bytes_of(""));
  directory root = (co_await directory::open(place.path())).value();
  directory_reader one = (co_await directory_reader::open(root)).value();
  directory_reader two = (co_await directory_reader::open(root)).value();
  std::multiset<std::string> names;
  while (const auto entry = (co_await one.next()).value()) {
    names.emplace(entry->name());
    names.emplace((co_await two.next()).value()->name());
  }
  EXPECT_EQ(names.size(), 20U);
  EXPECT_FALSE((co_await two.next()).value().has_value());
}

GYRE_TEST(directory_iteration, a_closed_reader_is_a_bad_descriptor) {
  const temporary_directory place;
  directory_reader reader = co_await reader_of(place);
  (co_await reader.close()).value();
  EXPECT_EQ((co_await reader.next()).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST_STOPPED_ANYWHERE(directory_iteration, reading_a_directory) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  directory_reader reader = co_await reader_of(place);
  while (const auto entry = (co_await reader.next()).value()) EXPECT_EQ(entry->name(), "file");
}

}  // namespace
}  // namespace gyre::conformance
