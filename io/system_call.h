#pragma once

#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <utility>

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

/// Whether `fd` has one of `events`, an error or a hang-up now, see poll(2).
inline bool is_ready(int fd, short events) noexcept {
  pollfd watched = {fd, events, 0};
  return system_call([&] { return ::poll(&watched, 1, 0); }) != 0;
}

/// The kernel transfers no more than this in one call, see read(2).
inline constexpr unsigned transfer_max = 0x7ffff000;

/// `offset` as the kernel takes it. One that lies beyond all files becomes one that it refuses: to
/// io_uring -1 is the descriptor's own position.
inline std::int64_t position(std::uint64_t offset) noexcept {
  constexpr std::int64_t refused = std::numeric_limits<std::int64_t>::min();
  return std::in_range<std::int64_t>(offset) ? static_cast<std::int64_t>(offset) : refused;
}

}  // namespace gyre
