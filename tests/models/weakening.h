#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

namespace gyre::model {

/// The order of a compare-and-exchange that fails is an order of its own.
enum outcome : std::uint8_t { done, failed };

/// A place in the sources where an atomic operation asks for an order.
struct place_of_order {
  const char* file;
  unsigned line;
  unsigned column;
  outcome when;
  std::memory_order order;

  bool operator==(const place_of_order&) const = default;
};

/// The places that came along, and the one that asks for less than what is written there. Static,
/// and not on the heap, which is Relacy's while a model runs.
class places {
 public:
  /// The order that an operation there gets.
  static std::memory_order pass(const place_of_order& asked) noexcept {
    std::size_t index = 0;
    while (index < count_ && seen_[index] != asked) ++index;
    if (index == count_ && count_ < seen_.size()) seen_[count_++] = asked;
    return index == weakened_ ? instead_ : asked.order;
  }

  static void forget() noexcept { count_ = 0; }
  static std::size_t count() noexcept { return count_; }
  static const place_of_order& at(std::size_t index) noexcept { return seen_[index]; }

  static void weaken(std::size_t index, std::memory_order instead) noexcept {
    weakened_ = index;
    instead_ = instead;
  }
  static void mend() noexcept { weakened_ = none; }

 private:
  static constexpr std::size_t none = ~std::size_t{0};

  static inline std::array<place_of_order, 64> seen_{};
  static inline std::size_t count_ = 0;
  static inline std::size_t weakened_ = none;
  static inline std::memory_order instead_ = std::memory_order_relaxed;
};

/// The next weaker orders.
inline std::vector<std::memory_order> weaker(std::memory_order order) {
  switch (order) {
    case std::memory_order_seq_cst:
      return {std::memory_order_acq_rel};
    case std::memory_order_acq_rel:
      return {std::memory_order_acquire, std::memory_order_release};
    case std::memory_order_relaxed:
      return {};
    default:
      return {std::memory_order_relaxed};
  }
}

}  // namespace gyre::model
