#include "gyre/fs/watch.h"

#include <cerrno>

#include "gyre/fs/open_at.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/path_ops.h"

namespace gyre {
namespace {

// The kernel hands over whole events; one is no larger than its header and a name of 255 bytes.
constexpr std::size_t batch_bytes = 4096;

}  // namespace

file_watch::file_watch(int fd) : inotify_(fd), batch_(batch_bytes) {}

// Non-blocking for every backend: inotify knows plain read(2) only, which a ring has a kernel
// worker make where it might block.
result<file_watch> file_watch::create() {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return errno_error(errno);
  return file_watch(fd);
}

task<result<int>> file_watch::add(std::string path, std::uint32_t events) {
  if (has_nul(path)) co_return std::errc::invalid_argument;
  co_return co_await op::inotify_add_watch(inotify_, path.c_str(), events);
}

result<void> file_watch::remove(int watch) {
  if (inotify_rm_watch(inotify_.number(), watch) < 0) return errno_error(errno);
  return {};
}

// The name is padded with NULs.
std::optional<file_event> file_watch::take() noexcept {
  if (begin_ == end_) return std::nullopt;
  const auto* event = reinterpret_cast<const inotify_event*>(batch_.data() + begin_);
  begin_ += sizeof *event + event->len;
  return file_event(*event, event->len > 0 ? std::string_view(event->name) : std::string_view());
}

task<result<file_event>> file_watch::next() {
  while (true) {
    if (const auto event = take()) co_return *event;
    const auto size = co_await op::read(inotify_, batch_);
    if (!size) co_return size.error();
    begin_ = 0;
    end_ = *size;
  }
}

}  // namespace gyre
