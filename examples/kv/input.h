#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace kv {

/// What a client has sent and the server has not used yet. It grows with the command that is
/// coming, which the parser bounds, and is small again once that was used.
class input {
 public:
  input() noexcept = default;
  input(const input&) = delete;
  input& operator=(const input&) = delete;

  std::string_view bytes() const noexcept { return {storage_.get() + begin_, end_ - begin_}; }

  /// Where the next bytes may be read to. What `bytes` gave is no good any more.
  std::span<std::byte> free_space() {
    if (begin_ == end_) begin_ = end_ = 0;
    const std::size_t used = end_ - begin_;
    if (used == 0 && capacity_ > kept_max) resize(usual);
    if (capacity_ - end_ < usual / 2) resize(std::max(usual, used + std::max(used, usual)));
    return std::as_writable_bytes(std::span(storage_.get() + end_, capacity_ - end_));
  }
  /// Takes note of `count` bytes that were read to `free_space()`.
  void add(std::size_t count) noexcept { end_ += count; }
  void drop_front(std::size_t count) noexcept { begin_ += count; }
  void drop_all() noexcept { begin_ = end_; }

 private:
  static constexpr std::size_t usual = 16 << 10;
  static constexpr std::size_t kept_max = 256 << 10;

  void resize(std::size_t capacity) {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    const std::string_view kept = bytes();
    if (!kept.empty()) std::memcpy(larger.get(), kept.data(), kept.size());
    storage_ = std::move(larger);
    end_ -= std::exchange(begin_, 0);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kv
