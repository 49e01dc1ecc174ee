#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace examples {

/// A TCP connection to an example that runs on this machine. Blocks, with a bound that is never
/// reached unless something is broken. Those who speak a protocol over it derive from it.
class loopback_connection {
 public:
  /// `receive_buffer`: about so many bytes the kernel takes before they are read; 0 is as usual.
  explicit loopback_connection(std::uint16_t port, int receive_buffer = 0);
  loopback_connection(loopback_connection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}
  loopback_connection& operator=(loopback_connection&&) = delete;
  ~loopback_connection();

  /// Sends all of it. False when the server has closed the connection.
  bool send(std::string_view bytes);
  /// Sends no more, still reads.
  void half_close();

 protected:
  /// Adds what comes next to `received_`; false when there is no more.
  bool receive_more();
  /// The next `size` bytes, or "" when they don't come.
  std::string take(std::size_t size);
  /// The next line with its end, or "" when none comes.
  std::string take_line();

  int fd_;
  std::string received_;
};

}  // namespace examples
