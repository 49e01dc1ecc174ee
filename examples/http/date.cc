#include "gyre/examples/http/date.h"

#include <cstring>
#include <ctime>

namespace http {

// strftime and strptime speak English here: the program never leaves the "C" locale.

date::date(std::int64_t seconds) noexcept : text_(), size_(0) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (!gmtime_r(&time, &parts) || parts.tm_year < -1900 || parts.tm_year > 9999 - 1900) return;
  size_ = std::strftime(text_.data(), text_.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

std::optional<std::int64_t> parse_date(std::string_view text) noexcept {
  std::array<char, 40> terminated{};
  if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
  std::memcpy(terminated.data(), text.data(), text.size());
  for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT",  // as `date` writes it
                           "%A, %d-%b-%y %H:%M:%S GMT",  // RFC 850
                           "%a %b %e %H:%M:%S %Y"}) {    // asctime
    std::tm parts{};
    const char* end = strptime(terminated.data(), form, &parts);
    if (end == terminated.data() + text.size()) return timegm(&parts);
  }
  return std::nullopt;
}

std::string_view date_clock::now() noexcept {
  const std::int64_t second = std::time(nullptr);
  if (second != second_) {
    second_ = second;
    date_ = date(second);
  }
  return date_.text();
}

}  // namespace http
