#pragma once

#include <array>
#include <cstdint>

namespace http {

/// What the connections of one loop did. Plain numbers: only the loop's own thread touches them.
class counters {
 public:
  counters() noexcept {}

  std::array<std::uint64_t, 6> answers{};  ///< by class of status: 2 is 2xx
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t spliced_bytes = 0;  ///< the part of `sent_bytes` that went through pipes
  std::uint64_t idle_timeouts = 0;
  std::uint64_t request_timeouts = 0;  ///< a head or a body took too long
  std::uint64_t write_timeouts = 0;    ///< a client did not read
  std::uint64_t broken = 0;            ///< connections that ended with an error of their socket
};

}  // namespace http
