#include "gyre/examples/http/request_parser.h"

#include <algorithm>
#include <utility>

#include "gyre/examples/http/text.h"

namespace http {
namespace {

/// The characters of a host with a port, see RFC 3986, section 3.2.2.
bool is_host(std::string_view text) noexcept {
  constexpr auto npos = std::string_view::npos;
  return std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=%:[]").find(c) != npos;
  });
}

}  // namespace

/// llhttp is C and calls back with itself: this leads from there to the parser.
class request_parser::callbacks {
 public:
  static const llhttp_settings_t& settings() noexcept {
    static const llhttp_settings_t made = [] {
      llhttp_settings_t settings;
      llhttp_settings_init(&settings);
      settings.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
        return extend(parser, of(parser).target_, at, size);
      };
      settings.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
        return extend(parser, of(parser).name_, at, size);
      };
      settings.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
        // An empty one is told of behind the end of its line.
        if (size > 0 && of(parser).begins_on_next_line(at))
          return of(parser).fail(status::bad_request);
        return extend(parser, of(parser).value_, at, size);
      };
      settings.on_header_field_complete = [](llhttp_t* parser) {
        return of(parser).field_complete();
      };
      settings.on_header_value_complete = [](llhttp_t* parser) {
        return of(parser).value_complete();
      };
      settings.on_headers_complete = [](llhttp_t* parser) { return of(parser).head_complete(); };
      settings.on_body = [](llhttp_t* parser, const char*, std::size_t size) {
        return of(parser).count_body(size);
      };
      settings.on_message_complete = [](llhttp_t* parser) -> int {
        of(parser).message_complete_ = true;
        // Where trailers ask for the end, llhttp takes nothing more.
        of(parser).keep_alive_ &= llhttp_should_keep_alive(parser) != 0;
        return HPE_PAUSED;
      };
      return settings;
    }();
    return made;
  }

 private:
  static request_parser& of(llhttp_t* parser) noexcept {
    return *static_cast<request_parser*>(parser->data);
  }
  static int extend(llhttp_t* parser, extent& span, const char* at, std::size_t size) noexcept {
    return of(parser).extend(span, at, size) ? 0 : of(parser).fail(status::bad_request);
  }
};

request_parser::request_parser(const limits& limits) noexcept : limits_(limits) {
  llhttp_init(&parser_, HTTP_REQUEST, &callbacks::settings());
  parser_.data = this;
}

void request_parser::next() noexcept {
  parsed_ = head_size_ = 0;
  body_size_ = body_bytes_ = 0;
  message_complete_ = false;
  hosts_ = 0;
  target_ = name_ = value_ = extent();
  fields_.fill(extent());
}

request_parser::progress request_parser::parse(input& in) {
  if (failure_ != status::none) return progress::failed;
  const std::string_view message = in.message();
  message_ = message.data();
  const std::size_t before = parsed_;
  const llhttp_errno error =
      llhttp_execute(&parser_, message.data() + parsed_, message.size() - parsed_);
  parsed_ = error == HPE_PAUSED
                ? static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - message.data())
                : message.size();
  if (head_size_ > 0) body_bytes_ += parsed_ - before;
  return judge(error, in);
}

request_parser::progress request_parser::judge(llhttp_errno error, input& in) noexcept {
  if (error == HPE_OK) return judge_size(in);
  if (error == HPE_PAUSED) {
    llhttp_resume(&parser_);
    if (head_size_ == 0 && parsed_ > limits_.head_max) {
      fail(status::header_fields_too_large);
      return progress::failed;
    }
    if (message_complete_) return progress::complete;
    head_size_ = parsed_;
    return progress::body;
  }
  // A status that one of the callbacks chose goes first.
  const bool version = error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE;
  fail(version ? status::version_not_supported : status::bad_request);
  return progress::failed;
}

// Of an incomplete request. llhttp has seen all of the input.
request_parser::progress request_parser::judge_size(input& in) noexcept {
  if (head_size_ > 0) {
    in.keep_front(parsed_ = head_size_);
    // Chunks of a byte or endless trailers must not get around the limit of the body.
    if (body_bytes_ > 2 * limits_.body_max + limits_.head_max) fail(status::content_too_large);
  } else if (target_.size > limits_.target_max) {
    fail(status::uri_too_long);
  } else if (parsed_ >= limits_.head_max) {
    fail(status::header_fields_too_large);
  }
  return failure_ == status::none ? progress::more : progress::failed;
}

int request_parser::fail(http::status status) noexcept {
  if (failure_ == http::status::none) failure_ = status;
  return HPE_USER;
}

// llhttp tells a field piecewise where it came piecewise. The pieces are neighbours unless a value
// goes on in another line, which RFC 9112 (5.2) tells servers to refuse.
bool request_parser::extend(extent& span, const char* at, std::size_t size) noexcept {
  if (head_size_ > 0) return true;  // trailers are of no interest
  const auto begin = static_cast<std::uint32_t>(at - message_);
  if (span.size == 0) span.begin = begin;
  if (span.begin + span.size != begin) return false;
  span.size += static_cast<std::uint32_t>(size);
  return true;
}

/// Whether the value that begins at `at` is not in the line of its name: the same, where nothing
/// of it came before.
bool request_parser::begins_on_next_line(const char* at) const noexcept {
  if (head_size_ > 0 || value_.size > 0) return false;
  const char* const name_end = message_ + name_.begin + name_.size;
  return std::find(name_end, at, '\n') != at;
}

request_parser::field request_parser::field_named(std::string_view name) noexcept {
  static constexpr std::pair<std::string_view, field> known[] = {
      {"expect", expect},
      {"host", host},
      {"if-match", if_match},
      {"if-modified-since", if_modified_since},
      {"if-none-match", if_none_match},
      {"if-range", if_range},
      {"if-unmodified-since", if_unmodified_since},
      {"range", range},
      {"transfer-encoding", transfer_encoding},
  };
  for (const auto& [text, field] : known)
    if (equal_ignoring_case(text, name)) return field;
  return other;
}

int request_parser::field_complete() noexcept {
  if (head_size_ > 0) return 0;
  const std::string_view name = text(name_);
  // llhttp is lenient here; a proxy in front of us may read such a name differently.
  if (name.empty() || name.find(' ') != std::string_view::npos) return fail(status::bad_request);
  field_ = field_named(name);
  value_ = extent();
  return 0;
}

int request_parser::value_complete() noexcept {
  if (head_size_ > 0) return 0;
  name_.size = 0;
  while (value_.size > 0 && is_blank(text(value_).back())) --value_.size;
  if (field_ < kept_fields) fields_[field_] = value_;
  if (field_ == host) {
    if (++hosts_ > 1 || !is_host(text(value_))) return fail(status::bad_request);
  }
  if (field_ == transfer_encoding && !equal_ignoring_case(text(value_), "chunked"))
    return fail(status::not_implemented);
  return 0;
}

int request_parser::head_complete() noexcept {
  const unsigned version = parser_.http_major * 10U + parser_.http_minor;
  if (version != 10 && version != 11) return fail(status::version_not_supported);
  if (version == 11 && hosts_ != 1) return fail(status::bad_request);
  // Its framing counts as faulty: whoever speaks HTTP/1.0 may not know of chunks (RFC 9112, 6.1).
  if (version == 10 && (parser_.flags & F_TRANSFER_ENCODING) != 0) return fail(status::bad_request);
  if (target_.size > limits_.target_max) return fail(status::uri_too_long);
  if (parser_.content_length > limits_.body_max) return fail(status::content_too_large);
  // We switch to no other protocol, so that what follows is HTTP all the same.
  parser_.upgrade = 0;
  keep_alive_ = llhttp_should_keep_alive(&parser_) != 0;
  const bool body = (parser_.flags & F_CHUNKED) != 0 || parser_.content_length > 0;
  return body ? HPE_PAUSED : 0;
}

int request_parser::count_body(std::size_t size) noexcept {
  body_size_ += size;
  return body_size_ > limits_.body_max ? fail(status::content_too_large) : 0;
}

http::request request_parser::request(const input& in) const noexcept {
  const std::string_view message = in.message();
  const auto text = [message](extent span) { return message.substr(span.begin, span.size); };
  http::request made;
  if (parser_.method == HTTP_GET) made.method = http::request::method::get;
  if (parser_.method == HTTP_HEAD) made.method = http::request::method::head;
  made.http_1_0 = parser_.http_minor == 0;
  made.keep_alive = keep_alive_;
  made.has_body = head_size_ > 0;
  made.target = text(target_);
  made.expect = text(fields_[expect]);
  made.if_match = text(fields_[if_match]);
  made.if_modified_since = text(fields_[if_modified_since]);
  made.if_none_match = text(fields_[if_none_match]);
  made.if_range = text(fields_[if_range]);
  made.if_unmodified_since = text(fields_[if_unmodified_since]);
  made.range = text(fields_[range]);
  return made;
}

}  // namespace http
