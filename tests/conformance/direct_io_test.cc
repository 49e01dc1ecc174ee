#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/aligned_buffer.h"
#include "gyre/io/descriptor.h"
#include "gyre/runtime/scope.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/temporary_directory.h"

// Which file systems have direct transfers, and of what alignment, differs from kernel to kernel:
// so these ask the system calls what is right.
namespace gyre::conformance {
namespace {

constexpr std::size_t block = 4096;

/// Files on different file systems: one in the temporary directory, one in memory.
class places {
 public:
  places() : in_memory_(memfd_create("gyre", MFD_CLOEXEC)) {
    require(in_memory_.is_open());
    directory_.write("file", {});
    all = {directory_.path_of("file"), "/proc/self/fd/" + std::to_string(in_memory_.number())};
  }

  std::vector<std::string> all;

 private:
  temporary_directory directory_;
  descriptor in_memory_;
};

/// What open(2) answers: 0 or an errno.
int error_of_opening(const std::string& path, int flags) {
  const descriptor opened(open(path.c_str(), flags | O_CLOEXEC));
  return opened.is_open() ? 0 : errno;
}

bool opens_directly(const std::string& path) {
  return error_of_opening(path, O_RDWR | O_DIRECT) == 0;
}

task<file> open_directly(std::string path) {
  co_return (co_await file::open(path, O_RDWR | O_DIRECT)).value();
}

task<direct_alignment> alignment_of(file& opened) {
  co_return (co_await opened.direct_io_alignment()).value();
}

/// An answer of `operation`, and what pread(2) answers, as one text each.
template <class Size>
std::string told(const result<Size>& got) {
  return got ? std::to_string(*got) : got.error().message();
}
std::string told_by_pread(file& from, std::span<std::byte> buffer, std::uint64_t offset) {
  const auto got =
      pread(from.opened().number(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  return got >= 0 ? std::to_string(got) : errno_error(errno).message();
}

/// The kernel's own threads that work for a ring of this process.
std::set<std::string> kernel_workers() {
  std::set<std::string> found;
  for (const std::string& each : names_in("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream("/proc/self/task/" + each + "/comm"), name);
    if (name.starts_with("iou-wrk")) found.insert(each);
  }
  return found;
}

bool is_on_ext4(file& opened) {
  struct statfs status{};
  require(fstatfs(opened.opened().number(), &status) == 0);
  return status.f_type == EXT4_SUPER_MAGIC;
}

GYRE_TEST(direct_io, opens_what_the_kernel_opens) {
  const places where;
  for (const std::string& path : where.all) {
    const auto opened = co_await file::open(path, O_RDWR | O_DIRECT);
    EXPECT_EQ(opened.error().value(), error_of_opening(path, O_RDWR | O_DIRECT)) << path;
  }
  EXPECT_EQ((co_await file::open("/proc/version", O_RDONLY | O_DIRECT)).error(),
            std::errc::invalid_argument);
}

GYRE_TEST(direct_io, alignments_are_powers_of_two) {
  const places where;
  for (const std::string& path : where.all) {
    file opened = (co_await file::open(path, O_RDWR)).value();
    const direct_alignment alignment = co_await alignment_of(opened);
    EXPECT_TRUE(std::has_single_bit(alignment.memory)) << alignment.memory;
    EXPECT_TRUE(std::has_single_bit(alignment.offset)) << alignment.offset;
    EXPECT_EQ(alignment.both() % alignment.memory, 0U);
    EXPECT_EQ(alignment.both() % alignment.offset, 0U);
  }
  file null = (co_await file::open("/dev/null", O_RDONLY)).value();
  EXPECT_EQ((co_await alignment_of(null)).both(), 4096U) << "nobody says";
}

GYRE_TEST(direct_io, what_is_written_is_read) {
  const places where;
  for (const std::string& path : where.all) {
    if (!opens_directly(path)) continue;  // which another test looks at
    file opened = co_await open_directly(path);
    const std::size_t step = (co_await alignment_of(opened)).both();
    aligned_buffer content(10 * block, step);
    byte_pattern().fill(content.bytes());
    EXPECT_TRUE(co_await opened.write_at(content.bytes(), 0));
    aligned_buffer read(content.size(), step);
    EXPECT_EQ((co_await opened.read_at(read.bytes(), 0)).value(), read.size());
    EXPECT_TRUE(byte_pattern().matches(read.bytes()));
    EXPECT_TRUE(co_await opened.overwrite_at(content.bytes().subspan(step, step), 0));
    EXPECT_EQ((co_await opened.read_at(read.bytes().first(step), 0)).value(), step);
    EXPECT_TRUE(std::ranges::equal(read.bytes().first(step), content.bytes().subspan(step, step)));
  }
}

GYRE_TEST(direct_io, the_end_of_a_file_may_lie_anywhere) {
  const places where;
  for (const std::string& path : where.all) {
    if (!opens_directly(path)) continue;
    file opened = co_await open_directly(path);
    const std::size_t step = (co_await alignment_of(opened)).both();
    aligned_buffer buffer(3 * step, step);
    EXPECT_TRUE(co_await opened.write_at(buffer.bytes(), 0));
    (co_await opened.truncate(step + 7)).value();
    EXPECT_EQ((co_await opened.read_at(buffer.bytes(), 0)).value(), step + 7);
    EXPECT_EQ((co_await opened.read_at(buffer.bytes(), step)).value(), 7U);
    EXPECT_EQ((co_await opened.read_at(buffer.bytes(), 2 * step)).value(), 0U);
  }
}

GYRE_TEST(direct_io, a_misaligned_transfer_is_answered_as_by_the_system_call) {
  const places where;
  for (const std::string& path : where.all) {
    if (!opens_directly(path)) continue;
    file opened = co_await open_directly(path);
    aligned_buffer buffer(4 * block, block);
    EXPECT_TRUE(co_await opened.write_at(buffer.bytes(), 0));
    const auto address = buffer.bytes().subspan(1, block);
    const auto size = buffer.bytes().first(block - 1);
    const auto all = buffer.bytes().first(block);
    EXPECT_EQ(told(co_await opened.read_at(address, 0)), told_by_pread(opened, address, 0)) << path;
    EXPECT_EQ(told(co_await opened.read_at(size, 0)), told_by_pread(opened, size, 0)) << path;
    EXPECT_EQ(told(co_await opened.read_at(all, 1)), told_by_pread(opened, all, 1)) << path;
    // What takes a read at such a place takes a write.
    const bool takes = pread(opened.opened().number(), size.data(), size.size(), 0) >= 0;
    const std::error_code expected = takes ? std::error_code() : errno_error(EINVAL);
    EXPECT_EQ((co_await opened.write_at(size, 0)).error(), expected) << path;
    EXPECT_EQ((co_await opened.overwrite_at(size, 0)).error(), expected) << path;
  }
}

GYRE_TEST(direct_io, overwriting_is_writing) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  file cached = (co_await file::open(place.path_of("file"), O_RDWR)).value();
  EXPECT_TRUE(co_await cached.overwrite_at(bytes_of("CON"), 0));
  EXPECT_TRUE(co_await cached.overwrite_at(bytes_of("longer"), 7));
  EXPECT_TRUE(co_await cached.overwrite_at(std::span<const std::byte>(), 100));
  std::vector<std::byte> read(20);
  const std::size_t size = (co_await cached.read_at(read, 0)).value();
  EXPECT_EQ(text_of(std::span(read).first(size)), "CONtentlonger");
  EXPECT_EQ((co_await cached.overwrite_at(bytes_of("x"), UINT64_MAX)).error(),
            std::errc::invalid_argument);
  file readable = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  EXPECT_EQ((co_await readable.overwrite_at(bytes_of("x"), 0)).error(),
            std::errc::bad_file_descriptor);
  file full = (co_await file::open("/dev/full", O_RDWR)).value();
  EXPECT_EQ((co_await full.overwrite_at(bytes_of("x"), 0)).error(), std::errc::no_space_on_device);
}

GYRE_TEST(direct_io, overwriting_on_ext4_needs_no_kernel_worker) {
  const places where;
  file opened = (co_await file::open(where.all.front(), O_RDWR)).value();
  if (!is_on_ext4(opened) || !opens_directly(where.all.front())) co_return;
  file direct = co_await open_directly(where.all.front());
  const std::size_t step = (co_await alignment_of(direct)).both();
  aligned_buffer content(64 * block, step);
  byte_pattern().fill(content.bytes());
  EXPECT_TRUE(co_await direct.write_at(content.bytes(), 0));
  const std::set<std::string> before = kernel_workers();
  for (std::size_t at = 0; at < content.size(); at += block)
    EXPECT_TRUE(co_await direct.overwrite_at(content.bytes().subspan(at, block), at));
  for (const std::string& worker : kernel_workers())
    EXPECT_TRUE(before.contains(worker)) << "the kernel has started a worker";
}

GYRE_TEST(direct_io, nothing_begins_after_a_stop) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  file opened = (co_await file::open(place.path_of("file"), O_RDWR)).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await opened.overwrite_at(bytes_of("x"), 0)).error(),
                std::errc::operation_canceled);
    });
    children.request_stop();
    co_return;
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, direct_transfers) {
  const places where;
  if (!opens_directly(where.all.front())) co_return;
  file opened = co_await open_directly(where.all.front());
  const std::size_t step = (co_await alignment_of(opened)).both();
  aligned_buffer buffer(8 * block, step);
  for (int i = 0; i < 2; ++i) {
    (co_await opened.write_at(buffer.bytes(), 0)).value();
    (co_await opened.overwrite_at(buffer.bytes(), 0)).value();
    require((co_await opened.read_at(buffer.bytes(), 0)).value() == buffer.size());
  }
}

}  // namespace
}  // namespace gyre::conformance
