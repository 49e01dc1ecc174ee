#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gyre::conformance {

/// An endless stream of bytes that never repeats itself for long: a byte that is lost, doubled or
/// out of place shows.
class byte_pattern {
 public:
  explicit byte_pattern(std::uint64_t seed = 1) noexcept : state_(seed * 2 + 1) {}

  /// The next bytes of the stream.
  void fill(std::span<std::byte> bytes) noexcept {
    for (std::byte& each : bytes) each = next();
  }
  /// Whether these are the next bytes of the stream.
  bool matches(std::span<const std::byte> bytes) noexcept {
    bool same = true;
    for (const std::byte each : bytes) same &= each == next();
    return same;
  }

 private:
  std::byte next() noexcept {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::byte>(state_ >> 56);
  }

  std::uint64_t state_;
};

}  // namespace gyre::conformance
