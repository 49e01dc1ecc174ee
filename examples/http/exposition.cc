#include "gyre/examples/http/exposition.h"

namespace http {

void exposition::begin(std::string_view metric, std::string_view type, std::string_view help) {
  metric_ = metric;
  text_.append("# HELP ").append(metric).append(" ").append(help);
  text_.append("\n# TYPE ").append(metric).append(" ").append(type).append("\n");
}

void exposition::add(const labels& labels, std::uint64_t value) {
  text_.append(metric_);
  char before = '{';
  for (const auto& [name, content] : labels) {
    if (content.empty()) continue;
    text_ += std::exchange(before, ',');
    add_label(name, content);
  }
  if (before == ',') text_ += '}';
  text_.append(" ").append(std::to_string(value)).append("\n");
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
