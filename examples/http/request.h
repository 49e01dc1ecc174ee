#pragma once

#include <cstdint>
#include <string_view>

namespace http {

/// What a request's head says, as far as this server cares. The views lie in the connection's input
/// and hold until the request has been answered. A field that was not sent is empty.
class request {
 public:
  request() noexcept {}

  enum class method : std::uint8_t { get, head, other };

  http::request::method method = method::other;
  bool http_1_0 = false;
  bool keep_alive = false;
  bool has_body = false;
  std::string_view target;

  std::string_view expect;
  std::string_view if_match;
  std::string_view if_modified_since;
  std::string_view if_none_match;
  std::string_view if_range;
  std::string_view if_unmodified_since;
  std::string_view range;
};

}  // namespace http
