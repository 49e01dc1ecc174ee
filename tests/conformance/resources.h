#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>

namespace gyre::conformance {

/// What this process has of the kernel's, and this thread of the runtime's. Taken before and after
/// a test it shows what was left behind.
class resources {
 public:
  static resources in_use();

  /// `in_use`, once it equals `expected` or has had ample time to: a thread that was joined stays
  /// in /proc for a moment.
  static resources settled(const resources& expected);

  friend bool operator==(const resources&, const resources&) = default;
  friend std::ostream& operator<<(std::ostream& out, const resources& held);

 private:
  resources() noexcept {}

  std::size_t descriptors_ = 0;
  std::size_t threads_ = 0;
  std::int64_t frames_ = 0;
};

}  // namespace gyre::conformance
