#include "gyre/examples/http/response_head.h"

namespace http {
namespace {

void append_field(output& out, std::string_view name, std::string_view value) noexcept {
  if (value.empty()) return;
  out.append(name);
  out.append(value);
  out.append("\r\n");
}

void append_status_fields(output& out, const response_head& head) noexcept {
  if (head.status == status::method_not_allowed) out.append("Allow: GET, HEAD\r\n");
  if (head.status == status::range_not_satisfiable) {
    out.append("Content-Range: bytes */");
    out.append_number(head.full_size);
    out.append("\r\n");
  }
  if (head.range) {
    out.append("Content-Range: ");
    append_content_range(out, *head.range, head.full_size);
    out.append("\r\n");
  }
  if (!head.entity_tag.empty()) out.append("Accept-Ranges: bytes\r\n");
}

}  // namespace

void append_content_range(output& out, const byte_range& range, std::uint64_t full_size) noexcept {
  out.append("bytes ");
  out.append_number(range.first);
  out.append("-");
  out.append_number(range.first + range.size - 1);
  out.append("/");
  out.append_number(full_size);
}

void append_head(output& out, const response_head& head, std::string_view date) noexcept {
  out.append("HTTP/1.1 ");
  out.append(status_text(head.status));
  out.append("\r\nServer: gyre\r\nDate: ");
  out.append(date);
  out.append("\r\n");
  append_field(out, "Content-Type: ", head.content_type);
  // Of what a 304 leaves out, its length would be guessed wrong.
  if (head.status != status::not_modified) {
    out.append("Content-Length: ");
    out.append_number(head.content_length);
    out.append("\r\n");
  }
  append_field(out, "ETag: ", head.entity_tag);
  append_field(out, "Last-Modified: ", head.last_modified);
  append_field(out, "Location: ", head.location);
  append_status_fields(out, head);
  if (!head.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (head.http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

}  // namespace http
