#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace gyre {

/// Memory at an aligned address and of a whole number of alignments, as direct transfers (O_DIRECT)
/// need it. Owned; move-only, and the bytes stay where they are when it is moved.
///
///     const auto alignment = (co_await opened.direct_io_alignment()).value();
///     gyre::aligned_buffer buffer(65536, alignment.both());
///     auto got = co_await opened.read_at(buffer.bytes(), 0);
class aligned_buffer {
 public:
  /// No bytes.
  aligned_buffer() noexcept = default;
  /// `size` bytes or more, up to the next multiple of `alignment`, which is a power of two. All are
  /// 0, since what pads a content gets written too. Throws `std::bad_alloc` when there is no such
  /// memory.
  aligned_buffer(std::size_t size, std::size_t alignment);

  aligned_buffer(aligned_buffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), alignment_(other.alignment_) {}
  aligned_buffer& operator=(aligned_buffer&& other) noexcept {
    aligned_buffer moved(std::move(other));
    std::swap(bytes_, moved.bytes_);
    std::swap(alignment_, moved.alignment_);
    return *this;
  }
  /// No operation on it may be in flight.
  ~aligned_buffer();

  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<std::byte> bytes() noexcept { return bytes_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
  std::size_t alignment_ = 1;
};

}  // namespace gyre
