#include "gyre/examples/http/mime_types.h"

#include <array>
#include <fstream>
#include <sstream>
#include <utility>

#include "gyre/examples/http/text.h"

namespace http {

mime_types::mime_types() {
  constexpr std::pair<std::string_view, std::string_view> built_in[] = {
      {"css", "text/css"},        {"gif", "image/gif"},         {"htm", "text/html"},
      {"html", "text/html"},      {"ico", "image/x-icon"},      {"jpeg", "image/jpeg"},
      {"jpg", "image/jpeg"},      {"js", "text/javascript"},    {"json", "application/json"},
      {"md", "text/markdown"},    {"mjs", "text/javascript"},   {"mp4", "video/mp4"},
      {"pdf", "application/pdf"}, {"png", "image/png"},         {"svg", "image/svg+xml"},
      {"txt", "text/plain"},      {"wasm", "application/wasm"}, {"webp", "image/webp"},
      {"woff2", "font/woff2"},    {"xml", "application/xml"},
  };
  for (const auto& [ending, type] : built_in) add(ending, type);
}

bool mime_types::load(const char* path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string type;
    if (!(words >> type)) continue;
    for (std::string ending; words >> ending;) add(ending, type);
  }
  return file.eof();
}

void mime_types::add(std::string_view ending, std::string_view type) {
  std::string value(type);
  // Text is UTF-8 nowadays; a browser that is not told guesses something older.
  if (type.starts_with("text/")) value += "; charset=utf-8";
  types_.insert_or_assign(std::string(ending), std::move(value));
}

std::string_view mime_types::of(std::string_view name) const {
  constexpr std::string_view unknown = "application/octet-stream";
  name.remove_prefix(name.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return unknown;
  const std::string_view ending = name.substr(dot + 1);
  std::array<char, 32> lower{};
  if (ending.size() > lower.size()) return unknown;
  std::ranges::transform(ending, lower.begin(), to_lower);
  const auto found = types_.find(std::string_view(lower.data(), ending.size()));
  return found == types_.end() ? unknown : std::string_view(found->second);
}

}  // namespace http
