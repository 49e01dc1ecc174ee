#pragma once

#include <string>
#include <utility>

#include "gyre/fs/file.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/space_ops.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// Whether a symbolic link at the end of a path stands for what it leads to, or for itself.
enum class last_link { followed, itself };

/// What becomes of a file that has the new name already.
enum class rename_rule {
  replace,   ///< it is removed, in one step
  keep,      ///< it stays, and the renaming fails with `file_exists`
  exchange,  ///< it gets the old name, in one step; it must be there
};

/// The status of what `path` leads to, from the working directory; see statx(2).
task<result<file_status>> status_of(std::string path, last_link link = last_link::followed);

/// An open directory, to work with what lies in it.
///
/// What ends in `_beneath` takes paths relative to this directory that never lead outside of it: a
/// path that climbs out by `..`, by an absolute path or by a symbolic link fails with
/// `cross_device_link` (EXDEV) or `too_many_symbolic_link_levels`. See RESOLVE_BENEATH in
/// openat2(2). A path that contains a NUL is an `invalid_argument`. Those that make, remove or
/// rename name the entry by the end of the path, and never follow a symbolic link there; it must
/// not be `.` or `..` and not end in a slash, or else they fail with `invalid_argument`.
///
/// A stop ends each of them early where it has not begun its change; one that has is completed.
class directory {
 public:
  /// Opens the directory at `path`; `not_a_directory` when it is something else.
  static task<result<directory>> open(std::string path);

  /// Opens a file. O_CLOEXEC is always set, and O_NONBLOCK, so that it never waits for a FIFO's
  /// other end.
  task<result<file>> open_beneath(std::string path, int flags, unsigned mode = 0);
  task<result<directory>> open_directory_beneath(std::string path);

  /// The status of what lies there, which is not opened and need not be readable.
  task<result<file_status>> status_beneath(std::string path, last_link link = last_link::followed);

  /// Makes an empty directory, see mkdirat(2); the umask applies to `mode`.
  task<result<void>> make_directory_beneath(std::string path, unsigned mode = 0777);
  /// Removes a name, and what it named with the last name of it; `is_a_directory` for a directory.
  /// See unlinkat(2).
  task<result<void>> remove_beneath(std::string path);
  /// Removes an empty directory; `directory_not_empty` when it isn't.
  task<result<void>> remove_directory_beneath(std::string path);

  /// Renames `from` to `to` in `to_directory`, which must stay; see renameat2(2).
  /// `cross_device_link` also when they are in different file systems.
  task<result<void>> rename_beneath(std::string from, directory& to_directory, std::string to,
                                    rename_rule rule = rename_rule::replace);
  task<result<void>> rename_beneath(std::string from, std::string to,
                                    rename_rule rule = rename_rule::replace) {
    return rename_beneath(std::move(from), *this, std::move(to), rule);
  }

  /// Makes a symbolic link at `path` that says `target`, which may be any text of 1 to 4,095 bytes
  /// without a NUL.
  task<result<void>> make_symbolic_link_beneath(std::string target, std::string path);
  /// What the symbolic link at `path` says; `invalid_argument` when it is something else.
  task<result<std::string>> read_link_beneath(std::string path);
  /// Makes `to` in `to_directory`, which must stay, one more name of the file `from`; see
  /// linkat(2).
  task<result<void>> link_beneath(std::string from, directory& to_directory, std::string to);
  task<result<void>> link_beneath(std::string from, std::string to) {
    return link_beneath(std::move(from), *this, std::move(to));
  }

  /// Returns when the names that were made, removed and renamed in this very directory are on the
  /// disk, see fsync(2). After an error they may be lost: the next success says nothing about them.
  op::fsync sync() noexcept { return {descriptor_, op::fsync::what::all}; }

  task<result<void>> close() { return descriptor_.close(); }

  descriptor& opened() noexcept { return descriptor_; }

 private:
  explicit directory(descriptor opened) noexcept : descriptor_(std::move(opened)) {}

  descriptor descriptor_;
};

}  // namespace gyre
