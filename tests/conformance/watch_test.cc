#include <fcntl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "gyre/fs/directory.h"
#include "gyre/fs/watch.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t entries = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

GYRE_TEST(watches, what_happens_in_a_directory_is_told_in_order) {
  const temporary_directory place;
  directory root = (co_await directory::open(place.path())).value();
  file_watch watch = file_watch::create().value();
  const int number = (co_await watch.add(place.path(), entries)).value();
  (co_await root.make_directory_beneath("one")).value();
  (co_await root.rename_beneath("one", "two")).value();
  (co_await root.remove_directory_beneath("two")).value();

  file_event event = (co_await watch.next()).value();
  EXPECT_EQ(event.watch(), number);
  EXPECT_TRUE(event.is(IN_CREATE));
  EXPECT_TRUE(event.is(IN_ISDIR));
  EXPECT_EQ(event.name(), "one");
  event = (co_await watch.next()).value();
  EXPECT_TRUE(event.is(IN_MOVED_FROM));
  EXPECT_EQ(event.name(), "one");
  const std::uint32_t cookie = event.cookie();
  event = (co_await watch.next()).value();
  EXPECT_TRUE(event.is(IN_MOVED_TO));
  EXPECT_EQ(event.name(), "two");
  EXPECT_EQ(event.cookie(), cookie);
  EXPECT_NE(cookie, 0U);
  event = (co_await watch.next()).value();
  EXPECT_TRUE(event.is(IN_DELETE));
  EXPECT_FALSE(event.lost_events());
}

GYRE_TEST(watches, an_event_that_comes_later_is_waited_for) {
  const temporary_directory place;
  directory root = (co_await directory::open(place.path())).value();
  file_watch watch = file_watch::create().value();
  (co_await watch.add(place.path(), entries)).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { EXPECT_EQ((co_await watch.next()).value().name(), "late"); });
    (co_await root.make_directory_beneath("late")).value();
  });
}

GYRE_TEST(watches, a_watch_ends_with_an_event) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  file_watch watch = file_watch::create().value();
  const int of_file = (co_await watch.add(place.path_of("file"), IN_DELETE_SELF)).value();
  const int of_place = (co_await watch.add(place.path(), IN_CREATE)).value();
  EXPECT_EQ((co_await watch.add(place.path(), IN_CREATE)).value(), of_place);
  std::filesystem::remove(place.path_of("file"));
  EXPECT_TRUE((co_await watch.next()).value().is(IN_DELETE_SELF));
  const file_event gone = (co_await watch.next()).value();
  EXPECT_TRUE(gone.ended());
  EXPECT_EQ(gone.watch(), of_file);
  EXPECT_TRUE(gone.name().empty());
  EXPECT_EQ(watch.remove(of_file).error(), std::errc::invalid_argument);
  watch.remove(of_place).value();
  const file_event removed = (co_await watch.next()).value();
  EXPECT_TRUE(removed.ended());
  EXPECT_EQ(removed.watch(), of_place);
}

GYRE_TEST(watches, a_stop_ends_the_wait_and_loses_nothing) {
  const temporary_directory place;
  directory root = (co_await directory::open(place.path())).value();
  file_watch watch = file_watch::create().value();
  (co_await watch.add(place.path(), entries)).value();
  EXPECT_EQ((co_await with_timeout(watch.next(), milliseconds(1))).error(), std::errc::timed_out);
  (co_await root.make_directory_beneath("one")).value();
  EXPECT_EQ((co_await watch.next()).value().name(), "one");
}

GYRE_TEST(watches, closing_ends_the_wait) {
  const temporary_directory place;
  file_watch watch = file_watch::create().value();
  (co_await watch.add(place.path(), entries)).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await watch.next()).error(), std::errc::operation_canceled);
    });
    children.spawn([&]() -> task<> { EXPECT_TRUE((co_await watch.close()).has_value()); });
    co_return;
  });
  EXPECT_EQ((co_await watch.next()).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST_UNDISTURBED(watches, events_that_were_lost_are_told,
                      "it renames thousands of times first") {
  const temporary_directory place;
  place.write("one", bytes_of("x"));
  std::size_t queued_max = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queued_max;
  require(queued_max > 0);
  file_watch watch = file_watch::create().value();
  (co_await watch.add(place.path(), IN_MOVED_FROM | IN_MOVED_TO)).value();
  for (std::size_t i = 0; i < queued_max / 2 + 1; ++i) {  // two events each, and never the same
    require(rename(place.path_of("one").c_str(), place.path_of("two").c_str()) == 0);
    require(rename(place.path_of("two").c_str(), place.path_of("one").c_str()) == 0);
  }
  std::size_t told = 0;
  while (!(co_await watch.next()).value().lost_events()) ++told;
  EXPECT_EQ(told, queued_max);
}

GYRE_TEST(watches, what_cannot_be_watched_is_an_error) {
  const temporary_directory place;
  file_watch watch = file_watch::create().value();
  EXPECT_EQ((co_await watch.add(place.path_of("none"), entries)).error(),
            std::errc::no_such_file_or_directory);
  EXPECT_EQ((co_await watch.add(place.path() + std::string("\0", 1), entries)).error(),
            std::errc::invalid_argument);
  EXPECT_EQ((co_await watch.add(std::string(5000, 'x'), entries)).error(),
            std::errc::filename_too_long);
  EXPECT_EQ((co_await watch.add(place.path(), 0)).error(), std::errc::invalid_argument);
  EXPECT_EQ(watch.remove(1).error(), std::errc::invalid_argument);
}

GYRE_TEST_STOPPED_ANYWHERE(watches, waiting_for_an_event) {
  const temporary_directory place;
  directory root = (co_await directory::open(place.path())).value();
  file_watch watch = file_watch::create().value();
  (co_await watch.add(place.path(), entries)).value();
  (co_await root.make_directory_beneath("one")).value();
  EXPECT_EQ((co_await watch.next()).value().name(), "one");
}

}  // namespace
}  // namespace gyre::conformance
