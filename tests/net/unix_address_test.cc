#include "gyre/net/unix_address.h"

#include <string>

#include <gtest/gtest.h>

namespace gyre {
namespace {

TEST(unix_address, a_path_is_kept_as_it_is) {
  const unix_address address = unix_address::path("/run/gyre.socket").value();
  EXPECT_TRUE(address.is_path());
  EXPECT_EQ(address.name(), "/run/gyre.socket");
  EXPECT_EQ(address.to_string(), "/run/gyre.socket");
}

TEST(unix_address, a_path_that_is_too_long_is_refused_not_cut) {
  const std::string longest(unix_address::size_max, 'a');
  EXPECT_EQ(unix_address::path(longest).value().name(), longest);
  EXPECT_EQ(unix_address::path(longest + "a").error(), std::errc::filename_too_long);
  EXPECT_EQ(unix_address::abstract(longest).value().name(), longest);
  EXPECT_EQ(unix_address::abstract(longest + "a").error(), std::errc::filename_too_long);
}

TEST(unix_address, what_is_no_name_is_refused) {
  using namespace std::string_literals;
  EXPECT_EQ(unix_address::path("").error(), std::errc::invalid_argument);
  EXPECT_EQ(unix_address::path("a\0b"s).error(), std::errc::invalid_argument);
  EXPECT_EQ(unix_address::abstract("").error(), std::errc::invalid_argument);
}

TEST(unix_address, an_abstract_name_is_no_path) {
  const unix_address name = unix_address::abstract("gyre").value();
  EXPECT_TRUE(name.is_abstract());
  EXPECT_EQ(name.name(), "gyre");
  EXPECT_EQ(name.to_string(), "@gyre");
  EXPECT_FALSE(name == unix_address::path("gyre").value());
}

TEST(unix_address, none_has_no_name) {
  EXPECT_TRUE(unix_address().is_unnamed());
  EXPECT_EQ(unix_address().name(), "");
  EXPECT_EQ(unix_address().to_string(), "(unnamed)");
}

}  // namespace
}  // namespace gyre
