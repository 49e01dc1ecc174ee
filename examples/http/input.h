#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "gyre/examples/http/block_pool.h"

namespace http {

/// What a client has sent and the server has not used yet: the current message, of which more may
/// follow. 2 KiB live in the connection itself, enough for most requests; a longer one gets a large
/// block until it has been answered.
class input {
 public:
  explicit input(block_pools& blocks) noexcept : blocks_(blocks) {}
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  /// From the first byte of the current message to the last byte that came.
  std::string_view message() const noexcept { return {storage().data() + begin_, end_ - begin_}; }
  bool empty() const noexcept { return begin_ == end_; }

  /// Where the next bytes may be read to; never empty unless the message fills a large block.
  std::span<std::byte> free_space() {
    if (storage().size() - end_ < least_read) make_room();
    return std::as_writable_bytes(storage().subspan(end_));
  }
  /// Takes note of `count` bytes that were read to `free_space()`.
  void add(std::size_t count) noexcept { end_ += count; }

  /// Drops the first `count` bytes: what follows is a new message.
  void drop_front(std::size_t count) noexcept {
    begin_ += count;
    if (!empty()) return;
    begin_ = end_ = 0;
    large_.release();
  }
  /// Drops all but the first `count` bytes.
  void keep_front(std::size_t count) noexcept { end_ = begin_ + count; }

 private:
  static constexpr std::size_t least_read = 512;

  std::span<char> storage() const noexcept {
    return large_ ? large_.bytes() : std::span<char>(small_);
  }

  void make_room() {
    if (begin_ > 0) {
      std::memmove(storage().data(), storage().data() + begin_, end_ - begin_);
      end_ -= std::exchange(begin_, 0);
    }
    if (large_ || storage().size() - end_ >= least_read) return;
    auto block = blocks_.large.take();
    std::memcpy(block.bytes().data(), small_.data(), end_);
    large_ = std::move(block);
  }

  block_pools& blocks_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  block_pool::lease large_;
  mutable std::array<char, 2048> small_;
};

}  // namespace http
