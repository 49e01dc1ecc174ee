#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "gyre/examples/kv/record.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace kv {

/// Reads the records of a log one by one, by large pieces.
class record_reader {
 public:
  /// From `begin` to `end`, which is in the file or beyond its end. The file must stay.
  record_reader(gyre::file& file, std::uint64_t begin, std::uint64_t end, std::uint64_t salt)
      : file_(file), offset_(begin), end_(end), salt_(salt) {}
  record_reader(const record_reader&) = delete;
  record_reader& operator=(const record_reader&) = delete;

  /// Goes on to the next record. False at the end, and where there is something else; an error of
  /// the file otherwise.
  gyre::task<gyre::result<bool>> next();
  /// The one that `next` has found, until it is called again.
  const record& current() const noexcept { return current_.content; }
  std::string_view raw() const noexcept { return current_.raw; }

  /// Where the record is, or what is none.
  std::uint64_t offset() const noexcept { return offset_; }
  /// Whether that is the end: of what was asked for, or of the file.
  bool at_end() const noexcept { return at_end_ && begin_ == size_; }

  /// Looks behind what is no record for a mark that says that records after `sequence` were on the
  /// disk. Nothing else can be read afterwards.
  gyre::task<gyre::result<bool>> finds_mark_after(std::uint64_t sequence);

 private:
  std::string_view bytes() const noexcept { return {buffer_.data() + begin_, size_ - begin_}; }
  void skip(std::size_t count) noexcept;
  gyre::task<gyre::result<void>> read_more();
  gyre::task<gyre::result<void>> decode();

  gyre::file& file_;
  std::uint64_t offset_;
  const std::uint64_t end_;
  const std::uint64_t salt_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the record, in the buffer
  std::size_t size_ = 0;   // of what was read
  bool at_end_ = false;
  decoded_record current_ = record_state::bad;
};

}  // namespace kv
