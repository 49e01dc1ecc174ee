#pragma once

#include <sys/inotify.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Something that happened to what is watched; see inotify(7).
class file_event {
 public:
  file_event(const inotify_event& event, std::string_view name) noexcept
      : watch_(event.wd), what_(event.mask), cookie_(event.cookie), name_(name) {}

  /// The number that `file_watch::add` gave; -1 when events were lost.
  int watch() const noexcept { return watch_; }
  /// IN_ bits: what happened, and IN_ISDIR when it did to a directory.
  std::uint32_t what() const noexcept { return what_; }
  bool is(std::uint32_t events) const noexcept { return (what_ & events) != 0; }
  /// The same for both halves of a renaming, IN_MOVED_FROM and IN_MOVED_TO; otherwise 0.
  std::uint32_t cookie() const noexcept { return cookie_; }
  /// Of the entry, when a directory is watched; empty when it happened to the directory itself.
  /// Belongs to the watch, until `next` is called again.
  std::string_view name() const noexcept { return name_; }

  /// The kernel's queue was full, and events were lost: whatever is watched may have changed.
  bool lost_events() const noexcept { return is(IN_Q_OVERFLOW); }
  /// The last event of this watch: what it watched is gone, or it was removed.
  bool ended() const noexcept { return is(IN_IGNORED); }

 private:
  int watch_;
  std::uint32_t what_;
  std::uint32_t cookie_;
  std::string_view name_;
};

/// Tells of what happens to files and directories, by inotify(7) (Linux 2.6.13). A directory's
/// watch tells of its entries, but not of those of its subdirectories. Belongs to one loop.
class file_watch {
 public:
  /// Watches nothing yet. Only in a task. Fails with EMFILE when descriptors or the user's inotify
  /// instances (fs.inotify.max_user_instances) are out.
  static result<file_watch> create();

  /// Watches what `path` leads to, from the working directory, for `events`: IN_ bits, as
  /// IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE. Gives the number of the watch: the same again when
  /// that is watched already, for the new events then. ENOSPC when the user's watches
  /// (fs.inotify.max_user_watches) are out; `invalid_argument` when the path contains a NUL. What a
  /// stop does not end early is delivered, as the watch is then there.
  task<result<int>> add(std::string path, std::uint32_t events);

  /// Ends the watch of that number; its last event says so. `invalid_argument` when there is none.
  result<void> remove(int watch);

  /// The next event, in the order in which they happened. Not twice at the same time. A stop loses
  /// no event.
  task<result<file_event>> next();

  task<result<void>> close() { return inotify_.close(); }

 private:
  explicit file_watch(int fd);

  std::optional<file_event> take() noexcept;

  descriptor inotify_;
  std::vector<std::byte> batch_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gyre
