#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace gyre {

/// What the io_uring backend uses where the kernel has it, and can be told to do without.
enum class ring_feature : std::uint8_t {
  registered_ring,     ///< calls that name the ring by an index instead of a descriptor, 5.18
  no_sqarray,          ///< no index array between the queue and its entries, 6.6
  deferred_task_work,  ///< completions are prepared when the loop asks for them only, 6.1
  absolute_timeouts,   ///< waits until a point in time instead of for a span, 6.12
  no_iowait,           ///< a waiting thread does not count as one that waits for a disk, 6.15
  direct_descriptors,  ///< a table of open files of the ring's own, 5.19
  linked_submissions,  ///< several operations as one submission, see link.h
};

/// All there are, with the names that GYRE_WITHOUT takes.
inline constexpr std::array<std::pair<ring_feature, std::string_view>, 7> ring_features = {{
    {ring_feature::registered_ring, "registered_ring"},
    {ring_feature::no_sqarray, "no_sqarray"},
    {ring_feature::deferred_task_work, "deferred_task_work"},
    {ring_feature::absolute_timeouts, "absolute_timeouts"},
    {ring_feature::no_iowait, "no_iowait"},
    {ring_feature::direct_descriptors, "direct_descriptors"},
    {ring_feature::linked_submissions, "linked_submissions"},
}};

/// Any number of them.
class ring_feature_set {
 public:
  ring_feature_set() noexcept {}
  ring_feature_set(std::initializer_list<ring_feature> features) noexcept {
    for (const ring_feature each : features) add(each);
  }

  bool has(ring_feature feature) const noexcept { return bits_[index(feature)]; }
  void add(ring_feature feature) noexcept { bits_[index(feature)] = true; }
  void add(const ring_feature_set& others) noexcept { bits_ |= others.bits_; }
  void remove(ring_feature feature) noexcept { bits_[index(feature)] = false; }

 private:
  static std::size_t index(ring_feature feature) noexcept {
    return static_cast<std::size_t>(feature);
  }
  std::bitset<ring_features.size()> bits_;
};

}  // namespace gyre
