#include "gyre/io/copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "gyre/io/copy_ops.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/splice_ops.h"
#include "gyre/io/system_call.h"

namespace gyre {
namespace {

constexpr std::uint64_t range_max = 16 << 20;  // a stop has to wait for as much
constexpr std::size_t pipe_size = 64 << 10;

bool is_stream(const struct statx& status) noexcept {
  return S_ISSOCK(status.stx_mode) || S_ISFIFO(status.stx_mode);
}

bool is_same_file(const struct statx& one, const struct statx& other) noexcept {
  return one.stx_dev_major == other.stx_dev_major && one.stx_dev_minor == other.stx_dev_minor &&
         one.stx_ino == other.stx_ino;
}

// Of one file.
bool overlaps(const copy_options& options, std::uint64_t size) noexcept {
  if (options.source_offset >= size) return false;
  const std::uint64_t length = std::min(options.length, size - options.source_offset);
  const auto [first, second] = std::minmax(options.source_offset, options.sink_offset);
  return second - first < length;
}

// The answers of a file system that can't, or of two that can't together.
bool is_refusal(std::error_code error) noexcept {
  return error == std::errc::cross_device_link || error == std::errc::invalid_argument ||
         error == std::errc::operation_not_supported || error == std::errc::not_supported ||
         error == std::errc::function_not_supported || error == std::errc::operation_not_permitted;
}

/// Sets O_NONBLOCK for as long as it lives, or until the descriptor is closed.
class nonblocking_for_now {
 public:
  explicit nonblocking_for_now(const descriptor& opened) noexcept
      : opened_(opened), fd_(opened.number()), flags_(fcntl(fd_, F_GETFL)) {
    if (flags_ >= 0) fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  nonblocking_for_now(const nonblocking_for_now&) = delete;
  nonblocking_for_now& operator=(const nonblocking_for_now&) = delete;
  ~nonblocking_for_now() {
    if (flags_ >= 0 && opened_.number() == fd_) fcntl(fd_, F_SETFL, flags_);
  }

 private:
  const descriptor& opened_;
  int fd_;
  int flags_;
};

/// A copy on its way.
class copying {
 public:
  copying(descriptor& source, descriptor& sink, const copy_options& options) noexcept
      : source(source), sink(sink), options(options) {}

  std::uint64_t left() const noexcept { return options.length - done; }
  std::uint64_t source_at() const noexcept { return options.source_offset + done; }
  std::uint64_t sink_at() const noexcept { return options.sink_offset + done; }

  descriptor& source;
  descriptor& sink;
  const copy_options& options;
  bool from_file = false;
  bool to_file = false;
  std::vector<std::byte> buffer;  // once it has turned out that the source can't be spliced
  std::uint64_t done = 0;
};

// An error that is a refusal says that the rest is to be copied in another way. So does an end at
// once, which is what files without a size, as in /proc, have for copy_file_range.
task<result<void>> copy_ranges(copying& copy) {
  while (copy.left() > 0) {
    const auto moved = co_await op::copy_file_range(
        copy.source, copy.source_at(), copy.sink, copy.sink_at(), std::min(copy.left(), range_max));
    if (!moved) co_return moved.error();
    if (*moved == 0 && copy.done == 0) co_return std::errc::operation_not_supported;
    if (*moved == 0) break;
    copy.done += *moved;
  }
  co_return result<void>();
}

// The pipe is empty, and takes as much as the buffer holds.
result<std::size_t> write_to_empty(pipe& between, std::span<const std::byte> content) noexcept {
  const int written = system_call(
      [&] { return ::write(between.write_end.number(), content.data(), content.size()); });
  if (written < 0) return errno_error(-written);
  return static_cast<std::size_t>(written);
}

// Not every file can be spliced: those in /proc can't.
task<result<std::size_t>> fill(copying& copy, pipe& between) {
  const std::size_t most = std::min<std::uint64_t>(copy.left(), between.capacity());
  if (!copy.from_file)
    co_return co_await op::splice_from_stream(copy.source, between.write_end, most);
  if (copy.buffer.empty()) {
    const auto spliced =
        co_await op::splice_from_file(copy.source, copy.source_at(), between.write_end, most);
    if (spliced || !is_refusal(spliced.error())) co_return spliced;
    copy.buffer.resize(between.capacity());
  }
  const auto part = std::span(copy.buffer).first(most);
  const auto got = co_await op::read_at(copy.source, part, copy.source_at());
  if (!got || *got == 0) co_return got;
  co_return write_to_empty(between, part.first(*got));
}

task<result<void>> drain(copying& copy, pipe& between, std::size_t filled) {
  while (filled > 0) {
    result<std::size_t> moved = std::size_t{0};
    if (copy.to_file)
      moved = co_await op::splice_to_file(between.read_end, copy.sink, copy.sink_at(), filled);
    else
      moved = co_await op::splice_to_socket(between.read_end, copy.sink, filled, false);
    if (!moved) co_return moved.error();
    filled -= *moved;
    copy.done += *moved;
  }
  co_return result<void>();
}

task<result<void>> copy_spliced(copying& copy) {
  auto between = pipe::create(pipe_size);
  if (!between) co_return between.error();
  while (copy.left() > 0) {
    const auto filled = co_await fill(copy, *between);
    if (!filled) co_return filled.error();
    if (*filled == 0) break;
    if (const auto drained = co_await drain(copy, *between, *filled); !drained)
      co_return drained.error();
  }
  co_return result<void>();
}

}  // namespace

task<result<std::uint64_t>> copy(descriptor& source, descriptor& sink, copy_options options) {
  const auto from = co_await op::fstat(source);
  if (!from) co_return from.error();
  const auto to = co_await op::fstat(sink);
  if (!to) co_return to.error();
  copying progress(source, sink, options);
  progress.from_file = S_ISREG(from->stx_mode);
  progress.to_file = S_ISREG(to->stx_mode);
  if ((!progress.from_file && !is_stream(*from)) || (!progress.to_file && !S_ISSOCK(to->stx_mode)))
    co_return std::errc::operation_not_supported;

  if (progress.to_file && (fcntl(sink.number(), F_GETFL) & O_APPEND) != 0)
    co_return std::errc::invalid_argument;
  if (progress.from_file && progress.to_file) {
    if (is_same_file(*from, *to) && overlaps(options, from->stx_size))
      co_return std::errc::invalid_argument;
    const auto copied = co_await copy_ranges(progress);
    if (copied) co_return progress.done;
    if (!is_refusal(copied.error())) co_return copied.error();
  }
  result<void> copied;
  if (progress.to_file) {
    copied = co_await copy_spliced(progress);
  } else {
    const nonblocking_for_now sink_meanwhile(sink);
    copied = co_await copy_spliced(progress);
  }
  if (!copied) co_return copied.error();
  co_return progress.done;
}

}  // namespace gyre
