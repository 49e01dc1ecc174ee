#include "gyre/examples/chat/line_reader.h"

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

namespace chat {
namespace {

/// How many bytes the character takes that `text` begins with; 0 where they are none of UTF-8.
std::size_t length_of_character(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (length == 0 || first > 0xF4 || text.size() < length) return 0;
  const auto continues = [](char each) {
    return (static_cast<unsigned char>(each) & 0xC0) == 0x80;
  };
  return std::ranges::all_of(text.substr(1, length - 1), continues) ? length : 0;
}

/// Those of ASCII but the tabulator, and U+0080 to U+009F.
bool is_control(std::string_view character) noexcept {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return (first < 0x20 && first != '\t') || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

void replace_controls(std::span<char> line) noexcept {
  while (!line.empty()) {
    const std::string_view text(line.data(), line.size());
    const std::size_t length = length_of_character(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (length == 0 || is_control(text.substr(0, length)))
      std::ranges::fill(line.first(taken), '?');
    line = line.subspan(taken);
  }
}

}  // namespace

gyre::task<gyre::result<std::string_view>> line_reader::next() {
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = std::string_view(buffer_).substr(0, size_).find('\n', searched);
    if (end != std::string_view::npos) co_return take(end - begin_, end + 1);
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(size_), buffer_.begin());
    size_ -= std::exchange(begin_, 0);
    searched = size_;
    if (size_ == buffer_.size()) co_return std::errc::message_size;
    const auto free = std::as_writable_bytes(std::span(buffer_)).subspan(size_);
    const auto got = co_await from_.read_some(free);
    if (!got) co_return got.error();
    if (*got == 0 && size_ > 0) co_return take(size_, size_);
    if (*got == 0) co_return std::errc::no_message;
    size_ += *got;
  }
}

std::string_view line_reader::take(std::size_t length, std::size_t end) {
  const std::span line = std::span(buffer_).subspan(begin_, length);
  begin_ = end;
  const bool returned = !line.empty() && line.back() == '\r';
  const std::span kept = line.first(line.size() - (returned ? 1 : 0));
  replace_controls(kept);
  return {kept.data(), kept.size()};
}

}  // namespace chat
