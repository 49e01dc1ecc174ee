#include "gyre/benchmarks/load/response_reader.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace gyre::load {
namespace {

constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr std::string_view end_of_head = "\r\n\r\n";

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class Number>
bool parse_number(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end;
}

}  // namespace

std::size_t response_reader::read(std::span<const char> bytes) {
  if (complete_) *this = response_reader();
  std::size_t taken = 0;
  while (taken < bytes.size() && !complete_ && error_.empty()) {
    const std::string_view rest(bytes.data() + taken, bytes.size() - taken);
    taken += in_body_ ? read_body(rest.size()) : read_head(rest);
  }
  return taken;
}

std::size_t response_reader::read_body(std::size_t available) {
  const std::size_t taken = std::min<std::uint64_t>(available, length_);
  length_ -= taken;
  complete_ = length_ == 0;
  return taken;
}

std::size_t response_reader::read_head(std::string_view bytes) {
  const std::size_t before = head_.size();
  if (before == 0) {  // most heads arrive in one piece, and needn't be copied
    const std::size_t end = bytes.find(end_of_head);
    if (end != std::string_view::npos) {
      parse_head(bytes.substr(0, end + 2));
      return end + end_of_head.size();
    }
  }
  head_.append(bytes);
  const std::size_t end = head_.find(end_of_head);
  if (end == std::string::npos) {
    if (head_.size() > head_bytes_max) error_ = "a response's head is longer than 64 KiB";
    return bytes.size();
  }
  const std::string head = std::move(head_);
  head_.clear();
  parse_head(std::string_view(head).substr(0, end + 2));
  return end + end_of_head.size() - before;
}

void response_reader::parse_head(std::string_view head) {
  const std::size_t line_end = head.find("\r\n");
  if (!parse_status_line(head.substr(0, line_end))) {
    error_ = "expected an HTTP/1.1 status line, got: " + std::string(head.substr(0, line_end));
    return;
  }
  has_length_ = false;
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      error_ = "expected a header field, got: " + std::string(line);
      return;
    }
    parse_field(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    head.remove_prefix(end + 2);
  }
  if (status_ < 200) return;  // an interim response: the real one follows
  const bool no_body = status_ == 204 || status_ == 304;
  if (!has_length_ && !no_body && error_.empty()) {
    error_ = "a response without Content-Length can't be measured";
  }
  if (no_body) length_ = 0;
  in_body_ = length_ > 0;
  complete_ = length_ == 0;
}

bool response_reader::parse_status_line(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  closes_ = line[7] == '0';
  length_ = 0;
  return parse_number(line.substr(9, 3), status_) && status_ >= 100 &&
         (line.size() == 12 || line[12] == ' ');
}

void response_reader::parse_field(std::string_view name, std::string_view value) {
  if (same_word(name, "content-length")) {
    has_length_ = parse_number(value, length_);
    if (!has_length_) error_ = "Content-Length: " + std::string(value) + " is no number";
  } else if (same_word(name, "transfer-encoding")) {
    error_ = "a response with Transfer-Encoding can't be measured: Content-Length is expected";
  } else if (same_word(name, "connection")) {
    closes_ = same_word(value, "close") || (closes_ && !same_word(value, "keep-alive"));
  }
}

}  // namespace gyre::load
