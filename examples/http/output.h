#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "gyre/examples/http/block_pool.h"
#include "gyre/runtime/check.h"

namespace http {

/// What is to be written to a client: the answers to all requests that came in one read are put
/// here one behind the other, and go out in one write. Has a block only while it holds something.
class output {
 public:
  explicit output(block_pools& blocks) noexcept : blocks_(blocks) {}
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  /// Sees to it that `count` bytes more can be appended. False when they fit no block together with
  /// what is there: write that first. Up to `fits_empty()` always fit an empty output.
  bool make_room(std::size_t count) {
    if (space_.size() - size_ >= count) [[likely]]
      return true;
    block_pool& pool = size_ + count <= blocks_.small.block_size() ? blocks_.small : blocks_.large;
    if (size_ + count > pool.block_size()) return false;
    auto block = pool.take();
    if (size_ > 0) std::memcpy(block.bytes().data(), space_.data(), size_);
    block_ = std::move(block);
    space_ = block_.bytes();
    return true;
  }
  std::size_t fits_empty() const noexcept { return blocks_.large.block_size(); }

  /// There must be room.
  void append(std::string_view text) noexcept {
    gyre::check(space_.size() - size_ >= text.size(), "an answer is longer than the room for it");
    std::ranges::copy(text, space_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }
  /// In decimal digits, at most 20.
  void append_number(std::uint64_t number) noexcept {
    const auto [end, error] =
        std::to_chars(space_.data() + size_, space_.data() + space_.size(), number);
    gyre::check(error == std::errc(), "an answer is longer than the room for it");
    size_ = static_cast<std::size_t>(end - space_.data());
  }

  /// The next `count` bytes, to be filled by other means; there must be room.
  std::span<std::byte> claim(std::size_t count) noexcept {
    gyre::check(space_.size() - size_ >= count, "an answer is longer than the room for it");
    const auto claimed = std::as_writable_bytes(space_.subspan(size_, count));
    size_ += count;
    return claimed;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(space_.first(size_)); }
  /// Drops all but the first `count` bytes.
  void truncate(std::size_t count) noexcept { size_ = count; }
  /// Drops everything and gives the block back.
  void clear() noexcept {
    size_ = 0;
    space_ = {};
    block_.release();
  }

 private:
  block_pools& blocks_;
  std::size_t size_ = 0;
  std::span<char> space_;
  block_pool::lease block_;
};

}  // namespace http
