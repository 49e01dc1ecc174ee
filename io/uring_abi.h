#pragma once

#include <cstdint>

// Constants of the kernel's io_uring interface that liburing 2.3's headers don't have. All are
// probed or tried at run time; see io_uring_setup(2) and io_uring_enter(2) of a newer liburing.
namespace gyre::uring_abi {

inline constexpr std::uint32_t setup_no_sqarray = 1U << 16;  // 6.6

inline constexpr std::uint32_t enter_abs_timer = 1U << 5;  // 6.12, comes with feature_min_timeout

inline constexpr std::uint32_t feature_min_timeout = 1U << 15;  // 6.12
inline constexpr std::uint32_t feature_no_iowait = 1U << 17;    // 6.15
inline constexpr std::uint32_t enter_no_iowait = 1U << 7;       // 6.15

inline constexpr std::uint8_t op_waitid = 50;      // 6.7
inline constexpr std::uint8_t op_futex_wait = 51;  // 6.7
inline constexpr std::uint8_t op_futex_wake = 52;  // 6.7
inline constexpr std::uint8_t op_ftruncate = 55;   // 6.9
inline constexpr std::uint8_t op_bind = 56;        // 6.11
inline constexpr std::uint8_t op_listen = 57;      // 6.11

// Commands of IORING_OP_URING_CMD to sockets.
inline constexpr std::uint32_t socket_getsockopt = 2;  // 6.7
inline constexpr std::uint32_t socket_setsockopt = 3;  // 6.7

}  // namespace gyre::uring_abi
