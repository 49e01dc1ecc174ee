#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gyre/examples/http/byte_ranges.h"
#include "gyre/examples/http/output.h"
#include "gyre/examples/http/status.h"

namespace http {

/// What the head of an answer says. Views are read by `append_head` and not kept; what is empty is
/// left out.
class response_head {
 public:
  explicit response_head(http::status status) noexcept : status(status) {}

  http::status status;
  bool http_1_0 = false;    ///< of the request: such a client must be told that it may go on
  bool keep_alive = false;  ///< else the connection is closed after this answer
  std::uint64_t content_length = 0;
  std::string_view content_type;
  std::string_view entity_tag;
  std::string_view last_modified;
  std::string_view location;
  std::optional<byte_range> range;  ///< where the content lies in a file of `full_size` bytes
  std::uint64_t full_size = 0;
};

/// How much room `append_head` may need.
inline std::size_t head_size_max(const response_head& head) noexcept {
  return 512 + head.content_type.size() + head.location.size();
}

/// Writes status line and fields, with the empty line. There must be room.
void append_head(output& out, const response_head& head, std::string_view date) noexcept;

/// The value of Content-Range, where the range is part of a file.
void append_content_range(output& out, const byte_range& range, std::uint64_t full_size) noexcept;

}  // namespace http
