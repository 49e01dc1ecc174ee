#include "gyre/io/copy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "gyre/io/copy_ops.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/io/splice_ops.h"
#include "gyre/io/write_ops.h"

namespace gyre {
namespace {

constexpr std::uint64_t range_max = 16 << 20;  // a stop has to wait for as much
constexpr std::uint64_t splice_max = 1 << 20;  // and for this where a pipe is refilled meanwhile
constexpr std::size_t pipe_size = 64 << 10;
constexpr std::size_t buffer_size = 64 << 10;

/// What a source or a sink is, and so how it is read or written.
enum class medium { file, pipe, socket, device, other };

medium medium_of(const struct statx& status) noexcept {
  switch (status.stx_mode & S_IFMT) {
    case S_IFREG:
      return medium::file;
    case S_IFIFO:
      return medium::pipe;
    case S_IFSOCK:
      return medium::socket;
    case S_IFCHR:
      return medium::device;
    default:
      return medium::other;
  }
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

/// Sets O_NONBLOCK for as long as it lives, or until the descriptor is closed. Who finds it set
/// leaves it so, to whoever has set it.
class nonblocking_for_now {
 public:
  explicit nonblocking_for_now(const descriptor& opened) noexcept
      : opened_(opened), fd_(opened.number()), flags_(fcntl(fd_, F_GETFL)) {
    if (sets()) fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  nonblocking_for_now(const nonblocking_for_now&) = delete;
  nonblocking_for_now& operator=(const nonblocking_for_now&) = delete;
  ~nonblocking_for_now() {
    if (sets() && opened_.number() == fd_) fcntl(fd_, F_SETFL, flags_);
  }

 private:
  bool sets() const noexcept { return flags_ >= 0 && (flags_ & O_NONBLOCK) == 0; }

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
  /// The error of what took nothing from the source. A refusal says that the rest is to be copied
  /// in another way.
  std::error_code untouched_by(std::error_code error) noexcept {
    refused = is_refusal(error);
    return error;
  }

  descriptor& source;
  descriptor& sink;
  const copy_options& options;
  medium from = medium::other;
  medium to = medium::other;
  bool refused = false;
  std::uint64_t done = 0;
};

// An end at once is what files without a size, as in /proc, have for copy_file_range.
task<result<void>> copy_ranges(copying& copy) {
  while (copy.left() > 0) {
    const auto moved = co_await op::copy_file_range(
        copy.source, copy.source_at(), copy.sink, copy.sink_at(), std::min(copy.left(), range_max));
    if (!moved) co_return copy.untouched_by(moved.error());
    if (*moved == 0 && copy.done == 0)
      co_return copy.untouched_by(make_error_code(std::errc::operation_not_supported));
    if (*moved == 0) break;
    copy.done += *moved;
  }
  co_return result<void>();
}

// One of the two is a pipe.
task<result<std::size_t>> splice_once(copying& copy) {
  const std::uint64_t most = std::min(copy.left(), splice_max);
  if (copy.from == medium::file)
    co_return co_await op::splice_from_file(copy.source, copy.source_at(), copy.sink, most);
  if (copy.to == medium::pipe)
    co_return co_await op::splice_from_stream(copy.source, copy.sink, most);
  if (copy.to == medium::file)
    co_return co_await op::splice_to_file(copy.source, copy.sink, copy.sink_at(), most);
  co_return co_await op::splice_to_socket(copy.source, copy.sink, most, false);
}

// An operation waits for one descriptor. That the other one isn't ready is an error.
task<result<void>> copy_directly(copying& copy) {
  const bool to_pipe = copy.to == medium::pipe;
  const auto not_ready = to_pipe ? std::errc::no_buffer_space : std::errc::no_message_available;
  while (copy.left() > 0) {
    const auto moved = co_await splice_once(copy);
    if (moved.error() == not_ready) {
      const auto ready =
          co_await op::poll(to_pipe ? copy.sink : copy.source, to_pipe ? POLLOUT : POLLIN);
      if (!ready) co_return ready.error();
    } else if (!moved) {
      co_return copy.untouched_by(moved.error());
    } else if (*moved == 0) {
      break;
    } else {
      copy.done += *moved;
    }
  }
  co_return result<void>();
}

task<result<std::size_t>> fill(copying& copy, pipe& between) {
  const std::size_t most = std::min<std::uint64_t>(copy.left(), between.capacity());
  if (copy.from == medium::file)
    co_return co_await op::splice_from_file(copy.source, copy.source_at(), between.write_end, most);
  co_return co_await op::splice_from_stream(copy.source, between.write_end, most);
}

// `filled` becomes what is left in the pipe.
task<result<void>> drain(copying& copy, pipe& between, std::size_t& filled) {
  while (filled > 0) {
    result<std::size_t> moved = std::size_t{0};
    if (copy.to == medium::file)
      moved = co_await op::splice_to_file(between.read_end, copy.sink, copy.sink_at(), filled);
    else
      moved = co_await op::splice_to_socket(between.read_end, copy.sink, filled, false);
    if (!moved) co_return moved.error();
    filled -= *moved;
    copy.done += *moved;
  }
  co_return result<void>();
}

// Where the last write ended.
task<result<void>> write_on(descriptor& sink, std::span<const std::byte> content,
                            const operation_kind& as) {
  while (!content.empty()) {
    const auto written = co_await op::write(sink, content, as);
    if (!written) co_return written.error();
    if (*written == 0) co_return std::errc::io_error;  // would be tried for ever
    content = content.subspan(*written);
  }
  co_return result<void>();
}

// Some files in /proc take nothing at a position.
task<result<void>> write_all(copying& copy, std::span<const std::byte> content) {
  if (copy.to == medium::socket) co_return co_await op::send_all(copy.sink, content);
  if (copy.to != medium::file)
    co_return co_await write_on(copy.sink, content, op::write::kind_for(copy.sink));
  const auto written = co_await op::write_at(copy.sink, content, copy.sink_at());
  const bool takes_none = written.error() == std::errc::invalid_seek;
  if (!takes_none || copy.options.sink_offset != 0) co_return written;
  co_return co_await write_on(copy.sink, content, op::write::plain_kind);
}

// What was taken from a stream.
task<result<void>> write_rest(copying& copy, pipe& between, std::size_t left) {
  std::vector<std::byte> buffer(left);
  while (left > 0) {
    const auto got = co_await op::read(between.read_end, buffer);
    if (!got) co_return got.error();
    if (const auto written = co_await write_all(copy, std::span(buffer).first(*got)); !written)
      co_return written.error();
    left -= *got;
    copy.done += *got;
  }
  co_return result<void>();
}

task<result<void>> copy_through_a_pipe(copying& copy) {
  auto between = pipe::create(pipe_size);
  if (!between) co_return between.error();
  while (copy.left() > 0) {
    auto filled = co_await fill(copy, *between);
    if (!filled) co_return copy.untouched_by(filled.error());
    if (*filled == 0) break;
    const auto drained = co_await drain(copy, *between, *filled);
    if (drained) continue;
    // What is left in the pipe is still in a file that it came from.
    if (copy.from != medium::file && is_refusal(drained.error())) {
      const auto written = co_await write_rest(copy, *between, *filled);
      if (!written) co_return written.error();
    }
    co_return copy.untouched_by(drained.error());
  }
  co_return result<void>();
}

task<result<void>> copy_in_the_kernel(copying& copy) {
  if (copy.from == medium::device || copy.to == medium::device)
    co_return copy.untouched_by(make_error_code(std::errc::operation_not_supported));
  if (copy.from == medium::pipe || copy.to == medium::pipe) co_return co_await copy_directly(copy);
  if (copy.from == medium::file && copy.to == medium::file) {
    const auto copied = co_await copy_ranges(copy);
    if (copied || !std::exchange(copy.refused, false)) co_return copied;
  }
  co_return co_await copy_through_a_pipe(copy);
}

task<result<std::size_t>> read_some(copying& copy, std::span<std::byte> buffer) {
  if (copy.from == medium::file)
    co_return co_await op::read_at(copy.source, buffer, copy.source_at());
  if (copy.from == medium::socket) co_return co_await op::recv(copy.source, buffer);
  co_return co_await op::read(copy.source, buffer);
}

task<result<void>> copy_through_memory(copying& copy) {
  // Gyre may have got it from elsewhere, as the standard streams.
  std::optional<nonblocking_for_now> source_meanwhile;
  if (copy.from == medium::pipe || copy.from == medium::device)
    source_meanwhile.emplace(copy.source);
  std::vector<std::byte> buffer(buffer_size);
  while (copy.left() > 0) {
    const auto part = std::span(buffer).first(std::min<std::uint64_t>(copy.left(), buffer.size()));
    const auto got = co_await read_some(copy, part);
    if (!got) co_return got.error();
    if (*got == 0) break;
    if (const auto written = co_await write_all(copy, part.first(*got)); !written)
      co_return written.error();
    copy.done += *got;
  }
  co_return result<void>();
}

// Whether there was more: recv(2) passes over what is urgent in a TCP stream.
task<result<bool>> pass_urgent_data(copying& copy) {
  std::array<std::byte, 64> next;
  const auto part = std::span(next).first(std::min<std::uint64_t>(copy.left(), next.size()));
  const auto got = co_await op::recv(copy.source, part);
  if (!got) co_return got.error();
  if (*got == 0) co_return false;
  const auto written = co_await write_all(copy, part.first(*got));
  if (!written) co_return written.error();
  copy.done += *got;
  co_return true;
}

// Urgent data can't be spliced: splice(2) says that the stream ends there, or that there is
// nothing.
task<result<void>> copy_somehow(copying& copy) {
  while (true) {
    const auto copied = co_await copy_in_the_kernel(copy);
    if (!copied && copy.refused) co_return co_await copy_through_memory(copy);
    const bool held_up = copied ? copy.left() > 0 : copied.error() == std::errc::no_message;
    if (copy.from != medium::socket || !held_up) co_return copied;
    const auto more = co_await pass_urgent_data(copy);
    if (!more) co_return more.error();
    if (!*more) co_return result<void>();
  }
}

// Whether writing to the sink does not, whatever its flags: to a terminal there may be several
// copies at a time, each of which would leave it as it has found it.
bool never_waits(const copying& copy) noexcept {
  return copy.to == medium::file || (copy.to == medium::device && isatty(copy.sink.number()) != 0);
}

/// What can't be copied whatever the way.
result<void> check_both(const copying& copy, const struct statx& source, const struct statx& sink) {
  if (copy.from == medium::other || copy.to == medium::other)
    return std::errc::operation_not_supported;
  if (copy.to == medium::file && (fcntl(copy.sink.number(), F_GETFL) & O_APPEND) != 0)
    return std::errc::invalid_argument;
  if (copy.from == copy.to && is_same_file(source, sink)) {
    if (copy.from == medium::pipe) return std::errc::invalid_argument;
    if (copy.from == medium::file && overlaps(copy.options, source.stx_size))
      return std::errc::invalid_argument;
  }
  return {};
}

}  // namespace

task<result<std::uint64_t>> copy(descriptor& source, descriptor& sink, copy_options options) {
  const auto from = co_await op::fstat(source);
  if (!from) co_return from.error();
  const auto to = co_await op::fstat(sink);
  if (!to) co_return to.error();
  copying progress(source, sink, options);
  progress.from = medium_of(*from);
  progress.to = medium_of(*to);
  if (const auto good = check_both(progress, *from, *to); !good) co_return good.error();
  // Of a file that is copied to its own end that end is not to be copied again.
  if (progress.from == medium::file && is_same_file(*from, *to)) {
    const std::uint64_t size = from->stx_size;
    options.length = std::min(options.length, size - std::min(size, options.source_offset));
  }
  std::optional<nonblocking_for_now> sink_meanwhile;
  if (!never_waits(progress)) sink_meanwhile.emplace(sink);
  const auto copied = co_await copy_somehow(progress);
  if (!copied) co_return copied.error();
  co_return progress.done;
}

}  // namespace gyre
