#include "gyre/examples/http/exposition.h"

#include <array>
#include <charconv>
#include <chrono>

namespace http {
namespace {

// 1 us to 17 s, where the histogram is exact.
constexpr int first_bound_power = 10;
constexpr int last_bound_power = 34;

std::string seconds(std::chrono::nanoseconds span) {
  const double value = std::chrono::duration<double>(span).count();
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace

void exposition::begin(std::string_view metric, std::string_view type, std::string_view help) {
  metric_ = metric;
  text_.append("# HELP ").append(metric).append(" ").append(help);
  text_.append("\n# TYPE ").append(metric).append(" ").append(type).append("\n");
}

void exposition::add(const labels& labels, std::uint64_t value) {
  add_line("", labels, std::to_string(value));
}

void exposition::add(const labels& labels, std::chrono::nanoseconds value) {
  add_line("", labels, seconds(value));
}

void exposition::add(const labels& labels, const gyre::latency_histogram& times) {
  exposition::labels with_bound = labels;
  const auto add_bucket = [&](std::string_view bound, std::uint64_t count) {
    with_bound.back().second = bound;
    add_line("_bucket", with_bound, std::to_string(count));
  };
  with_bound.emplace_back("le", "");
  for (int power = first_bound_power; power <= last_bound_power; power += 2) {
    const auto bound = std::chrono::nanoseconds(std::int64_t{1} << power);
    add_bucket(seconds(bound), times.count_below(bound));
  }
  add_bucket("+Inf", times.count());
  add_line("_sum", labels, seconds(times.sum()));
  add_line("_count", labels, std::to_string(times.count()));
}

void exposition::add_line(std::string_view suffix, const labels& labels, std::string_view value) {
  text_.append(metric_).append(suffix);
  char before = '{';
  for (const auto& [name, content] : labels) {
    if (content.empty()) continue;
    text_ += std::exchange(before, ',');
    add_label(name, content);
  }
  if (before == ',') text_ += '}';
  text_.append(" ").append(value).append("\n");
}

void exposition::add_label(std::string_view name, std::string_view value) {
  text_.append(name).append("=\"");
  for (const char c : value) {
    if (c == '"' || c == '\\') text_ += '\\';
    if (c == '\n')
      text_.append("\\n");
    else
      text_ += c;
  }
  text_ += '"';
}

}  // namespace http
