#pragma once

#include <cstdint>
#include <string_view>

namespace http {

/// The status codes that this server answers with, see RFC 9110, section 15.
enum class status : std::uint16_t {
  none = 0,
  ok = 200,
  partial_content = 206,
  moved_permanently = 301,
  not_modified = 304,
  bad_request = 400,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  request_timeout = 408,
  precondition_failed = 412,
  content_too_large = 413,
  uri_too_long = 414,
  range_not_satisfiable = 416,
  expectation_failed = 417,
  header_fields_too_large = 431,
  internal_server_error = 500,
  not_implemented = 501,
  service_unavailable = 503,
  version_not_supported = 505,
};

constexpr unsigned code(status status) noexcept {
  return static_cast<unsigned>(status);
}

/// Code and reason phrase: "404 Not Found".
constexpr std::string_view status_text(status status) noexcept {
  switch (status) {
    case status::none:
      break;
    case status::ok:
      return "200 OK";
    case status::partial_content:
      return "206 Partial Content";
    case status::moved_permanently:
      return "301 Moved Permanently";
    case status::not_modified:
      return "304 Not Modified";
    case status::bad_request:
      return "400 Bad Request";
    case status::forbidden:
      return "403 Forbidden";
    case status::not_found:
      return "404 Not Found";
    case status::method_not_allowed:
      return "405 Method Not Allowed";
    case status::request_timeout:
      return "408 Request Timeout";
    case status::precondition_failed:
      return "412 Precondition Failed";
    case status::content_too_large:
      return "413 Content Too Large";
    case status::uri_too_long:
      return "414 URI Too Long";
    case status::range_not_satisfiable:
      return "416 Range Not Satisfiable";
    case status::expectation_failed:
      return "417 Expectation Failed";
    case status::header_fields_too_large:
      return "431 Request Header Fields Too Large";
    case status::internal_server_error:
      return "500 Internal Server Error";
    case status::not_implemented:
      return "501 Not Implemented";
    case status::service_unavailable:
      return "503 Service Unavailable";
    case status::version_not_supported:
      return "505 HTTP Version Not Supported";
  }
  return "500 Internal Server Error";
}

}  // namespace http
