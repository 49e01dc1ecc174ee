#pragma once

#include <cerrno>

namespace gyre {

/// Makes a system call until no signal interrupts it: its result of 0 or more, or a negative errno.
template <class Call>
int system_call(Call call) noexcept {
  while (true) {
    const auto answer = call();
    if (answer >= 0) return static_cast<int>(answer);
    if (errno != EINTR) return -errno;
  }
}

/// The kernel transfers no more than this in one call, see read(2).
inline constexpr unsigned transfer_max = 0x7ffff000;

}  // namespace gyre
