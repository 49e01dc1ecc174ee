#include "gyre/fs/mapping.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

std::size_t page_size() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

task<file> file_of(const temporary_directory& place, std::size_t size, int flags = O_RDWR) {
  std::vector<std::byte> content(size);
  byte_pattern().fill(content);
  place.write("file", content);
  co_return (co_await file::open(place.path_of("file"), flags)).value();
}

GYRE_TEST(mappings, memory_is_the_content_of_the_file) {
  const temporary_directory place;
  file opened = co_await file_of(place, 3 * page_size() + 100, O_RDONLY);
  mapping all = (co_await mapping::of(opened)).value();
  (co_await opened.close()).value();
  EXPECT_EQ(all.size(), 3 * page_size() + 100);
  EXPECT_TRUE(byte_pattern().matches(all.bytes()));
  std::vector<std::byte> copy(all.size());
  EXPECT_EQ((co_await all.read_guarded(copy, 0)).value(), all.size());
  EXPECT_TRUE(byte_pattern().matches(copy));
  mapping moved = std::move(all);
  EXPECT_EQ(all.size(), 0U);
  EXPECT_TRUE(byte_pattern().matches(moved.bytes()));
  EXPECT_TRUE((co_await moved.close()).has_value());
}

GYRE_TEST(mappings, a_part_may_begin_anywhere) {
  const temporary_directory place;
  file opened = co_await file_of(place, 2 * page_size());
  const mapping all = (co_await mapping::of(opened)).value();
  for (const std::size_t offset : {std::size_t{1}, page_size() - 1, page_size()}) {
    mapping part = (co_await mapping::of(opened, offset, 10)).value();
    EXPECT_EQ(text_of(part.bytes()), text_of(all.bytes().subspan(offset, 10)));
    std::array<std::byte, 20> copy;
    EXPECT_EQ((co_await part.read_guarded(copy, 4)).value(), 6U);
    EXPECT_EQ(text_of(std::span(copy).first(6)), text_of(part.bytes().subspan(4)));
    EXPECT_EQ((co_await part.read_guarded(copy, 10)).value(), 0U);
    EXPECT_EQ((co_await part.read_guarded(copy, 11)).value(), 0U);
  }
}

GYRE_TEST(mappings, what_the_file_does_not_have_is_not_mapped) {
  const temporary_directory place;
  file opened = co_await file_of(place, 100, O_RDONLY);
  for (const auto& [offset, size] : {std::pair<std::uint64_t, std::size_t>(0, 101),
                                     std::pair<std::uint64_t, std::size_t>(101, 0),
                                     std::pair<std::uint64_t, std::size_t>(UINT64_MAX, 2),
                                     std::pair<std::uint64_t, std::size_t>(50, SIZE_MAX)})
    EXPECT_EQ((co_await mapping::of(opened, offset, size)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await mapping::of(opened, mapping_access::read_write)).error(),
            std::errc::permission_denied);
  file folder = (co_await file::open(place.path(), O_RDONLY)).value();
  EXPECT_EQ((co_await mapping::of(folder)).error(), std::errc::no_such_device);
  place.write("empty", bytes_of(""));
  file empty = (co_await file::open(place.path_of("empty"), O_RDONLY)).value();
  mapping none = (co_await mapping::of(empty)).value();
  EXPECT_EQ(none.size(), 0U);
  EXPECT_TRUE((co_await none.advise(MADV_WILLNEED)).has_value());
}

GYRE_TEST(mappings, a_file_that_was_cut_short_is_read_up_to_its_end) {
  const temporary_directory place;
  file opened = co_await file_of(place, 4 * page_size());
  mapping all = (co_await mapping::of(opened)).value();
  require(truncate(place.path_of("file").c_str(), static_cast<off_t>(page_size() + 10)) == 0);
  std::vector<std::byte> copy(4 * page_size());
  EXPECT_EQ((co_await all.read_guarded(copy, 0)).value(), page_size() + 10);
  EXPECT_EQ((co_await all.read_guarded(copy, page_size())).value(), 10U);
  EXPECT_EQ((co_await all.read_guarded(copy, 2 * page_size())).value(), 0U);
  const auto populated = co_await all.advise(MADV_POPULATE_READ);
  EXPECT_TRUE(populated.error() == std::errc::bad_address ||
              populated.error() == std::errc::invalid_argument)  // before Linux 5.14
      << populated.error();
}

GYRE_TEST_THAT_DIES(mappings, writing_without_access, "was to be written to") {
  const temporary_directory place;
  file opened = co_await file_of(place, 100);
  mapping all = (co_await mapping::of(opened)).value();
  all.writable_bytes()[0] = std::byte{1};
}

GYRE_TEST(mappings, what_is_written_to_memory_is_in_the_file) {
  const temporary_directory place;
  file opened = co_await file_of(place, 2 * page_size());
  mapping all = (co_await mapping::of(opened, mapping_access::read_write)).value();
  all.writable_bytes()[page_size()] = std::byte{77};
  std::array<std::byte, 1> byte{};
  EXPECT_EQ((co_await opened.read_at(byte, page_size())).value(), 1U);
  EXPECT_EQ(byte[0], std::byte{77});
  byte[0] = std::byte{0};
  EXPECT_EQ((co_await all.read_guarded(byte, page_size())).value(), 1U);
  EXPECT_EQ(byte[0], std::byte{77});
  EXPECT_TRUE((co_await all.sync()).has_value());
}

GYRE_TEST(mappings, advice_is_given_and_refused_as_by_the_kernel) {
  const temporary_directory place;
  file opened = co_await file_of(place, 2 * page_size() + 1);
  mapping all = (co_await mapping::of(opened)).value();
  for (const int advice : {MADV_SEQUENTIAL, MADV_RANDOM, MADV_WILLNEED, MADV_NORMAL, MADV_DONTNEED})
    EXPECT_TRUE((co_await all.advise(advice)).has_value()) << advice;
  EXPECT_TRUE(byte_pattern().matches(all.bytes()));
  EXPECT_EQ((co_await all.advise(9999)).error(), std::errc::invalid_argument);
}

GYRE_TEST(mappings, a_second_close_leaves_the_first_what_it_waits_for) {
  const temporary_directory place;
  file opened = co_await file_of(place, page_size());
  mapping all = (co_await mapping::of(opened)).value();
  std::array<std::byte, 10> copy;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await all.read_guarded(copy, 0); });
    children.spawn([&]() -> task<> { EXPECT_TRUE(co_await all.close()); });
    children.spawn([&]() -> task<> {
      const auto closed = co_await all.close();
      EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    });
    co_return;
  });
  EXPECT_EQ(all.size(), 0U);
}

GYRE_TEST_STOPPED_ANYWHERE(mappings, mapping_and_reading) {
  const temporary_directory place;
  file opened = co_await file_of(place, page_size());
  mapping all = (co_await mapping::of(opened, mapping_access::read_write)).value();
  (co_await all.advise(MADV_WILLNEED)).value();
  std::array<std::byte, 10> copy;
  EXPECT_EQ((co_await all.read_guarded(copy, 0)).value(), copy.size());
  (co_await all.sync()).value();
  (co_await all.close()).value();
}

}  // namespace
}  // namespace gyre::conformance
