#include "gyre/examples/chat/line_reader.h"

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

namespace chat {

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
  const auto is_control = [](char each) {
    const auto code = static_cast<unsigned char>(each);
    return (code < 0x20 && each != '\t') || code == 0x7F;
  };
  const bool returned = !line.empty() && line.back() == '\r';
  const std::span kept = line.first(line.size() - (returned ? 1 : 0));
  std::ranges::replace_if(kept, is_control, '?');
  return {kept.data(), kept.size()};
}

}  // namespace chat
