#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What an entry of a directory is, where its file system tells without looking at it.
enum class entry_type : unsigned char {
  unknown,  ///< the file system does not tell: ask for its status
  regular,
  directory,
  symbolic_link,
  fifo,
  socket,
  character_device,
  block_device,
};

/// A name in a directory.
class directory_entry {
 public:
  directory_entry(std::string_view name, std::uint64_t inode, entry_type type) noexcept
      : name_(name), inode_(inode), type_(type) {}

  /// Any bytes but NUL and `/`, as the file system has them; followed by a NUL. Belongs to the
  /// reader, until `next` is called again.
  std::string_view name() const noexcept { return name_; }
  std::uint64_t inode() const noexcept { return inode_; }
  entry_type type() const noexcept { return type_; }

 private:
  std::string_view name_;
  std::uint64_t inode_;
  entry_type type_;
};

/// Reads the entries of a directory, in no particular order and without `.` and `..`. What is made,
/// removed or renamed meanwhile may be there or not, see readdir(3). Allocates nothing for an
/// entry: they come in batches, by getdents64(2).
///
///     auto reader = (co_await gyre::directory_reader::open(root)).value();
///     while (const auto entry = (co_await reader.next()).value()) use(entry->name());
class directory_reader {
 public:
  /// Begins at the first entry. `of` is opened once more, so that any number of readers don't
  /// disturb each other.
  static task<result<directory_reader>> open(directory& of);

  /// The next entry, or none at the end. Not twice at the same time. A stop loses no entry.
  task<result<std::optional<directory_entry>>> next();

  task<result<void>> close() { return directory_.close(); }

 private:
  explicit directory_reader(directory opened);

  std::optional<directory_entry> take() noexcept;

  directory directory_;
  std::vector<std::byte> batch_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace gyre
