#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "gyre/fs/attributes.h"
#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

/// A file in a directory. Where the file system there has no attributes, the tests hold it to that.
class attributed_file {
 public:
  attributed_file() { place.write("file", bytes_of("x")); }

  task<bool> has_attributes() {
    opened_ = std::make_unique<file>((co_await file::open(place.path_of("file"), O_RDWR)).value());
    const auto probed = co_await set_attribute(of(), "user.probe", bytes_of("x"));
    if (probed) {
      (co_await remove_attribute(of(), "user.probe")).value();
      co_return true;
    }
    if (probed.error() != std::errc::operation_not_supported) probed.value();
    EXPECT_EQ((co_await get_attribute(of(), "user.probe")).error(),
              std::errc::operation_not_supported);
    co_return false;
  }
  descriptor& of() { return opened_->opened(); }
  std::string path() const { return place.path_of("file"); }

  const temporary_directory place;

 private:
  std::unique_ptr<file> opened_;
};

GYRE_TEST(attributes, a_value_is_what_it_was_set_to) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  (co_await set_attribute(some.of(), "user.a", bytes_of("first"))).value();
  (co_await set_attribute(some.path(), "user.b", bytes_of("second"))).value();
  EXPECT_EQ(text_of((co_await get_attribute(some.path(), "user.a")).value()), "first");
  EXPECT_EQ(text_of((co_await get_attribute(some.of(), "user.b")).value()), "second");
  (co_await set_attribute(some.of(), "user.a", bytes_of(""))).value();
  EXPECT_EQ((co_await get_attribute(some.of(), "user.a")).value().size(), 0U);
}

GYRE_TEST(attributes, a_long_value_is_read_whole) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  const std::vector<std::byte> value(1000, std::byte{7});
  (co_await set_attribute(some.of(), "user.long", value)).value();
  EXPECT_EQ((co_await get_attribute(some.of(), "user.long")).value(), value);
  EXPECT_EQ((co_await get_attribute(some.path(), "user.long")).value(), value);
  const std::vector<std::byte> too_long(65537);
  EXPECT_EQ((co_await set_attribute(some.of(), "user.long", too_long)).error(),
            std::errc::argument_list_too_long);
}

GYRE_TEST(attributes, a_rule_says_whether_one_may_be_there) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  const auto value = bytes_of("x");
  EXPECT_EQ((co_await set_attribute(some.of(), "user.a", value, attribute_rule::replace)).error(),
            std::errc::no_message_available);
  (co_await set_attribute(some.of(), "user.a", value, attribute_rule::create)).value();
  EXPECT_EQ((co_await set_attribute(some.path(), "user.a", value, attribute_rule::create)).error(),
            std::errc::file_exists);
  (co_await set_attribute(some.path(), "user.a", value, attribute_rule::replace)).value();
}

GYRE_TEST(attributes, names_are_listed_until_they_are_removed) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {  // more than the first buffer takes
    expected.push_back("user.an_attribute_" + std::to_string(100 + i));
    (co_await set_attribute(some.of(), expected.back(), bytes_of("x"))).value();
  }
  std::vector<std::string> names = (co_await attribute_names(some.of())).value();
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("user."); });
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, expected);
  for (const std::string& name : expected) (co_await remove_attribute(some.of(), name)).value();
  EXPECT_EQ((co_await get_attribute(some.of(), expected[0])).error(),
            std::errc::no_message_available);
  EXPECT_EQ((co_await remove_attribute(some.of(), expected[0])).error(),
            std::errc::no_message_available);
}

GYRE_TEST(attributes, a_directory_has_them_too) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  directory root = (co_await directory::open(some.place.path())).value();
  (co_await set_attribute(root.opened(), "user.a", bytes_of("x"))).value();
  EXPECT_EQ(text_of((co_await get_attribute(some.place.path(), "user.a")).value()), "x");
}

GYRE_TEST(attributes, names_and_paths_are_not_cut) {
  attributed_file some;
  co_await some.has_attributes();
  const std::string name("user.a\0b", 8);
  EXPECT_EQ((co_await set_attribute(some.of(), name, bytes_of("x"))).error(),
            std::errc::invalid_argument);
  EXPECT_EQ((co_await get_attribute(some.of(), name)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await remove_attribute(some.of(), name)).error(), std::errc::invalid_argument);
  const std::string path = some.path() + std::string("\0x", 2);
  EXPECT_EQ((co_await set_attribute(path, "user.a", bytes_of("x"))).error(),
            std::errc::invalid_argument);
  EXPECT_EQ((co_await get_attribute(path, "user.a")).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await get_attribute(std::string(5000, 'x'), "user.a")).error(),
            std::errc::filename_too_long);
  EXPECT_EQ((co_await get_attribute(some.place.path_of("none"), "user.a")).error(),
            std::errc::no_such_file_or_directory);
}

GYRE_TEST_STOPPED_ANYWHERE(attributes, setting_and_getting) {
  attributed_file some;
  if (!co_await some.has_attributes()) co_return;
  (co_await set_attribute(some.of(), "user.a", bytes_of("x"))).value();
  EXPECT_EQ(text_of((co_await get_attribute(some.path(), "user.a")).value()), "x");
}

}  // namespace
}  // namespace gyre::conformance
