#pragma once

#include <chrono>
#include <cstdint>

namespace kv {

/// Now, as deadlines are kept: in milliseconds since 1970. They outlive the process, so that the
/// monotonic clock would not do.
inline std::int64_t wall_clock_ms() noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace kv
