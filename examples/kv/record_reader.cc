#include "gyre/examples/kv/record_reader.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace kv {
namespace {

constexpr std::size_t piece_size = 256 << 10;

}  // namespace

void record_reader::skip(std::size_t count) noexcept {
  begin_ += count;
  offset_ += count;
}

/// Appends a piece to what is not used up.
gyre::task<gyre::result<void>> record_reader::read_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, size_ - begin_);
    size_ -= begin_;
    begin_ = 0;
  }
  // A record that is larger than the buffer lets it grow, but only by what is there.
  if (buffer_.size() - size_ < piece_size) buffer_.resize(std::max(2 * size_, size_ + piece_size));
  const std::uint64_t from = offset_ + size_;
  const std::size_t most = buffer_.size() - size_;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(most, end_ - from));
  const std::span<char> piece = std::span(buffer_).subspan(size_, wanted);
  const auto got = co_await file_.read_at(std::as_writable_bytes(piece), from);
  if (!got) co_return got.error();
  size_ += *got;
  at_end_ = *got < most;
  co_return gyre::result<void>();
}

/// Finds out what begins at `offset_`.
gyre::task<gyre::result<void>> record_reader::decode() {
  current_ = decode_record(bytes(), salt_);
  while (current_.state == record_state::incomplete && !at_end_) {
    const auto read = co_await read_more();
    if (!read) co_return read;
    current_ = decode_record(bytes(), salt_);
  }
  co_return gyre::result<void>();
}

gyre::task<gyre::result<bool>> record_reader::next() {
  if (current_.state == record_state::good) skip(current_.raw.size());
  const auto decoded = co_await decode();
  if (!decoded) co_return decoded.error();
  co_return current_.state == record_state::good;
}

gyre::task<gyre::result<bool>> record_reader::finds_mark_after(std::uint64_t sequence) {
  for (;;) {
    const bool was_good = current_.state == record_state::good;
    skip(was_good ? current_.raw.size() : std::min<std::size_t>(bytes().size(), 1));
    skip(find_tag(bytes(), 0, salt_));
    const auto decoded = co_await decode();
    if (!decoded) co_return decoded.error();
    const bool good = current_.state == record_state::good;
    if (good && current_.content.kind == record_kind::mark && current_.content.sequence > sequence)
      co_return true;
    if (at_end_ && bytes().size() < record::head_size) co_return false;
  }
}

}  // namespace kv
