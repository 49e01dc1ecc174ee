#include "gyre/examples/kv/resp_parser.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "gyre/examples/kv/text.h"

namespace kv {
namespace {

// "*1024\r\n" and the like; anything longer is none.
constexpr std::size_t number_line_max = 32;
constexpr std::size_t words_max = 64 << 10;
// Beside a value that is as large as can be: the key, or all the keys of another command.
constexpr std::size_t other_arguments_max = 1 << 20;

std::string up_to(std::size_t most) {
  return "expected 0 to " + std::to_string(most);
}

}  // namespace

resp_parser::progress resp_parser::parse(std::string_view message) {
  while (phase_ != phase::complete && phase_ != phase::failed)
    if (!step(message)) break;
  if (phase_ == phase::complete) return progress::complete;
  return phase_ == phase::failed ? progress::failed : progress::more;
}

/// False when there is nothing to do until more has come.
bool resp_parser::step(std::string_view message) {
  switch (phase_) {
    case phase::start:
      if (message.empty()) return false;
      phase_ = message[0] == '*' ? phase::array_size : phase::words;
      return true;
    case phase::words:
      return read_words(message);
    case phase::array_size:
      return read_array_size(message);
    case phase::bulk_size:
      return read_bulk_size(message);
    case phase::bulk:
      return read_bulk(message);
    case phase::complete:
    case phase::failed:
      break;
  }
  return false;
}

bool resp_parser::read_words(std::string_view message) {
  const std::size_t end = message.find('\n', looked_at_);
  if (std::min(end, message.size()) > words_max)
    return fail("too long a line for an inline command, expected " + std::to_string(words_max) +
                " bytes at most");
  if (end == std::string_view::npos) return looked_at_ = message.size(), false;
  std::string_view line = message.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_of("\"'") != std::string_view::npos)
    return fail("quotes in an inline command, expected words, or an array of bulk strings");
  constexpr std::string_view spaces = " \t";
  std::size_t begin = line.find_first_not_of(spaces);
  while (begin != std::string_view::npos) {
    const std::size_t word_end = std::min(line.find_first_of(spaces, begin), line.size());
    if (places_.size() == limits_.arguments_max)
      return fail("too many words, expected " + std::to_string(limits_.arguments_max) + " at most");
    places_.push_back({begin, word_end - begin});
    begin = line.find_first_not_of(spaces, word_end);
  }
  at_ = end + 1;
  phase_ = phase::complete;
  return true;
}

/// Reads the line at `at_`, a character and a number. False when it is not all there, or none.
bool resp_parser::find_number(std::string_view message, std::string_view what,
                              std::int64_t& number) {
  const std::string_view rest = message.substr(at_, number_line_max);
  const std::size_t end = rest.find('\r');
  const bool ended = end != std::string_view::npos && end + 1 < rest.size();
  if (!ended && rest.size() < number_line_max) return false;
  const std::string_view text = rest.substr(1, ended ? end - 1 : std::string_view::npos);
  const std::optional<std::int64_t> read = integer(text);
  if (!ended || rest[end + 1] != '\n' || !read) {
    fail("invalid " + std::string(what) + " " + quoted(text) + ", expected a number and \\r\\n");
    return false;
  }
  number = *read;
  at_ += end + 2;
  return true;
}

bool resp_parser::read_array_size(std::string_view message) {
  std::int64_t size = 0;
  if (!find_number(message, "multibulk length", size)) return phase_ == phase::failed;
  if (size > static_cast<std::int64_t>(limits_.arguments_max))
    return fail("invalid multibulk length " + std::to_string(size) + ", " +
                up_to(limits_.arguments_max));
  left_ = static_cast<std::size_t>(std::max<std::int64_t>(size, 0));
  enter_argument();
  return true;
}

bool resp_parser::read_bulk_size(std::string_view message) {
  if (at_ == message.size()) return false;
  if (message[at_] != '$') return fail("expected '$', got " + quoted(message.substr(at_, 1)));
  std::int64_t size = 0;
  if (!find_number(message, "bulk length", size)) return phase_ == phase::failed;
  if (size < 0 || size > static_cast<std::int64_t>(limits_.value_max))
    return fail("invalid bulk length " + std::to_string(size) + ", " + up_to(limits_.value_max));
  bulk_size_ = static_cast<std::size_t>(size);
  total_ += bulk_size_;
  const std::size_t total_max = limits_.value_max + other_arguments_max;
  if (total_ > total_max)
    return fail("too large a command, expected " + std::to_string(total_max) +
                " bytes of arguments at most");
  phase_ = phase::bulk;
  return true;
}

bool resp_parser::read_bulk(std::string_view message) {
  if (message.size() - at_ < bulk_size_ + 2) return false;
  const std::string_view end = message.substr(at_ + bulk_size_, 2);
  if (end != "\r\n")
    return fail("expected \\r\\n behind a bulk string of " + std::to_string(bulk_size_) +
                " bytes, got " + quoted(end));
  places_.push_back({at_, bulk_size_});
  at_ += bulk_size_ + 2;
  --left_;
  enter_argument();
  return true;
}

void resp_parser::enter_argument() noexcept {
  phase_ = left_ > 0 ? phase::bulk_size : phase::complete;
}

bool resp_parser::fail(std::string sentence) {
  failure_ = std::move(sentence);
  phase_ = phase::failed;
  return true;
}

std::span<const std::string_view> resp_parser::arguments(std::string_view message) {
  arguments_.clear();
  for (const place& each : places_) arguments_.push_back(message.substr(each.begin, each.size));
  return arguments_;
}

void resp_parser::next() noexcept {
  phase_ = phase::start;
  at_ = looked_at_ = total_ = 0;
  places_.clear();
}

}  // namespace kv
