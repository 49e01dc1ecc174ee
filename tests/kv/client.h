#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

/// A client of the protocol, that sends as many commands as it likes before it reads. Blocks, with
/// a bound that is never reached unless something is broken.
class client {
 public:
  explicit client(std::uint16_t port);
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client();

  /// False when the server has closed the connection.
  bool send(std::string_view bytes);
  /// The next reply as it came, of an array with all its elements; "" where there is none.
  std::string receive();
  /// Sends a command and gives the reply to it.
  std::string ask(const std::vector<std::string>& words);
  /// Sends no more, still reads.
  void half_close();

 private:
  std::string take_line();
  std::string take(std::size_t size);
  bool receive_more();

  int fd_;
  std::string received_;
};

/// A command as programs send it.
std::string command(const std::vector<std::string>& words);

/// A bulk string as it is sent and received.
std::string bulk(std::string_view bytes);

}  // namespace kv
