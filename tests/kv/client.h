#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gyre/tests/examples/loopback_connection.h"

namespace kv {

/// A client of the protocol, that sends as many commands as it likes before it reads.
class client : public examples::loopback_connection {
 public:
  using loopback_connection::loopback_connection;

  /// The next reply as it came, of an array with all its elements; "" where there is none.
  std::string receive();
  /// Sends a command and gives the reply to it.
  std::string ask(const std::vector<std::string>& words);
};

/// A command as programs send it.
std::string command(const std::vector<std::string>& words);

/// A bulk string as it is sent and received.
std::string bulk(std::string_view bytes);

}  // namespace kv
