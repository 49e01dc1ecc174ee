#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gyre/tests/examples/loopback_connection.h"

namespace http {

/// An answer as it came. `status` is 0 when the connection ended before its head was complete.
class answer {
 public:
  answer() noexcept {}

  int status = 0;
  std::map<std::string, std::string> fields;  ///< by name in lower case
  std::string body;
  bool complete = false;  ///< as many bytes as Content-Length said

  /// The value of a field, empty when it is not there.
  std::string field(const std::string& name) const;
};

/// A client that does as it is told, right or wrong.
class client : public examples::loopback_connection {
 public:
  using loopback_connection::loopback_connection;

  /// The next answer. `head_only`: to a HEAD, that has no body.
  answer receive(bool head_only = false);
  /// The next answer; its body is handed to `take` as it comes. False when it is cut off.
  bool receive_streaming(const std::function<void(std::string_view)>& take);
  /// Everything until the server closes the connection.
  std::string receive_all();
  /// Whether the server has closed the connection, or does so before it sends anything else.
  bool is_closed();
  /// Whether anything comes, or the end, within the time.
  bool hears_within(std::chrono::milliseconds time) const;

  /// Ends with a reset instead of the usual close.
  void reset();
  /// The kernel takes at most about so many bytes for the client before it reads them. Call it
  /// right at the start.
  void shrink_receive_buffer(int bytes);

 private:
  answer receive_head();
};

/// One request on a connection of its own.
answer get(std::uint16_t port, std::string_view target, std::string_view fields = {},
           std::string_view method = "GET");

}  // namespace http
