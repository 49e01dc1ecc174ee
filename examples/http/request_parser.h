#pragma once

#include <llhttp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gyre/examples/http/input.h"
#include "gyre/examples/http/request.h"
#include "gyre/examples/http/settings.h"
#include "gyre/examples/http/status.h"

namespace http {

/// Finds the requests in a connection's input. The grammar is llhttp's; added are the rules that
/// take more than grammar (a Host, the limits) and the fields that this server asks for. Copies
/// nothing: fields are kept as offsets into the message, which may move while it is incomplete.
class request_parser {
 public:
  explicit request_parser(const limits& limits) noexcept;
  request_parser(const request_parser&) = delete;
  request_parser& operator=(const request_parser&) = delete;

  enum class progress {
    more,      ///< read more and come again
    body,      ///< the head is complete and a body follows: come again, which drops the body
    complete,  ///< the request is complete; `next` after it was answered
    failed,    ///< answer with `failure()` and close
  };
  /// Looks at what is new in `in`. Bytes of the body are dropped from it at once.
  progress parse(input& in);

  /// After `body` and `complete`.
  http::request request(const input& in) const noexcept;
  http::status failure() const noexcept { return failure_; }

  /// How many bytes of the input belong to the request, after `complete`.
  std::size_t size() const noexcept { return parsed_; }
  /// Gets ready for another message, which begins where the last one ended.
  void next() noexcept;

 private:
  struct extent {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  // Fields that are kept; `other` stands for all the rest, `host` and below are only checked.
  enum field : std::uint8_t {
    expect,
    if_match,
    if_modified_since,
    if_none_match,
    if_range,
    if_unmodified_since,
    range,
    kept_fields,
    host = kept_fields,
    transfer_encoding,
    other,
  };
  class callbacks;
  friend class callbacks;

  static field field_named(std::string_view name) noexcept;
  bool extend(extent& span, const char* at, std::size_t size) noexcept;
  bool begins_on_next_line(const char* at) const noexcept;
  std::string_view text(extent span) const noexcept { return {message_ + span.begin, span.size}; }
  int fail(http::status status) noexcept;
  int field_complete() noexcept;
  int value_complete() noexcept;
  int head_complete() noexcept;
  int count_body(std::size_t size) noexcept;
  progress judge(llhttp_errno error, input& in) noexcept;
  progress judge_size(input& in) noexcept;

  const limits& limits_;
  llhttp_t parser_;
  const char* message_ = nullptr;  // while llhttp runs
  std::size_t parsed_ = 0;         // how far it has come in the message
  std::size_t head_size_ = 0;      // once the head is complete
  std::uint64_t body_size_ = 0;
  std::uint64_t body_bytes_ = 0;  // with the framing of chunks
  http::status failure_ = http::status::none;
  bool message_complete_ = false;
  bool keep_alive_ = false;
  std::uint8_t hosts_ = 0;
  field field_ = other;
  extent target_;
  extent name_;
  extent value_;
  std::array<extent, kept_fields> fields_;
};

}  // namespace http
