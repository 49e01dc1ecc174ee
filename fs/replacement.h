#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

class replacement_options {
 public:
  replacement_options() noexcept {}

  /// The permission bits of the new file, which belongs to this process then; no umask applies.
  /// Where none are given it gets owner, group and permission bits of the regular file that it
  /// replaces (as they were at `begin`), and it is an error when it can't; where there is no such
  /// file, 0666 less the umask.
  std::optional<unsigned> mode;
};

/// A new content for a file, that is written at leisure and then takes the old one's place in one
/// step, or not at all:
///
///     auto next = (co_await gyre::replacement::begin(data, "state")).value();
///     (co_await next.content().write_at(header, 0)).value();
///     …
///     (co_await next.commit()).value();
///
/// Whoever opens the path finds the old file or the new one, whole. When the machine, or the
/// process, comes to a sudden end
///
/// - before `commit` has renamed, the old file is there as it was, and beside it there may be a
/// file
///   named `.gyre-` with 32 hexadecimal digits, which nobody removes but you;
/// - after that and before `commit` has returned, one of the two is there, whole;
/// - after `commit` has succeeded, the new one is.
///
/// Until then the content is in such a file in the same directory, which nobody else may open where
/// there are permission bits to be set. `commit`, when it fails or is stopped, `discard` and the
/// destructor remove it.
///
/// What has the path is replaced as by rename(2): a symbolic link itself, not what it leads to; of
/// a file with several names this one. Attributes, ACLs and what else a file has are not taken
/// over: give a `mode` where an ACL makes the permission bits say more than they mean.
class replacement {
 public:
  /// Begins an empty content for `path` beneath `in`, by the rules of `directory`. The directory
  /// that the path ends in must be readable, to be synced. `is_a_directory` when the path is one.
  static task<result<replacement>> begin(directory& in, std::string path,
                                         replacement_options options = {});

  replacement(replacement&& other) noexcept;
  replacement& operator=(replacement&& other) noexcept;
  /// Discards what is neither committed nor discarded, by a system call that may wait for the disk:
  /// this is for exceptions. No operation on the content may be in flight.
  ~replacement() { remove_now(); }

  /// The new content, open for reading and writing, until `commit` or `discard`.
  file& content() noexcept { return content_; }

  /// Writes the content to the disk, gives it the path, and writes that to the disk. Once, and with
  /// no operation on the content in flight. After an error, or a stop that came before the
  /// renaming, the content is discarded and the old file is there as it was. There is no second
  /// try, since an error of fsync(2) means that the content may be lost, whatever the next call
  /// says.
  ///
  /// The one exception: where only the directory couldn't be written at last, the error is that one
  /// and the new file is there, but a crash may still bring the old one back. A stop after the
  /// renaming does not end it.
  task<result<void>> commit();

  /// Removes the content, and closes it, as `file::close` does. Not ended by a stop. Does nothing
  /// where there is none any more.
  task<result<void>> discard();

 private:
  class attributes {
   public:
    attributes() noexcept {}
    uid_t owner = static_cast<uid_t>(-1);
    gid_t group = static_cast<gid_t>(-1);
    std::optional<unsigned> mode;
  };

  replacement(directory parent, std::string name, std::string temporary, file content,
              attributes kept) noexcept;

  static attributes attributes_of(const result<file_status>& old,
                                  const replacement_options& options) noexcept;
  task<result<void>> put_in_place();
  task<result<void>> remove();
  void remove_now() noexcept;

  directory parent_;
  std::string name_;
  std::string temporary_;  // empty where there is no file of that name any more
  file content_;
  attributes attributes_;
};

/// Replaces the file at `path` beneath `in`, or makes it, with `content`, which must stay until
/// that has ended. All that `replacement` says holds: it is the old file or the new one, whole, and
/// after success the new one is on the disk; after an error, or a stop, it is the old one (but for
/// the one exception that `commit` names).
task<result<void>> replace_file(directory& in, std::string path, std::span<const std::byte> content,
                                replacement_options options = {});

}  // namespace gyre
