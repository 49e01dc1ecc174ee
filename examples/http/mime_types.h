#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace http {

/// Which media type a file has, by the ending of its name. Filled before the loops start, and only
/// read from then on, by all of them.
class mime_types {
 public:
  /// The few types that most sites consist of.
  mime_types();

  /// Adds what a file in the form of Debian's /etc/mime.types says (package media-types), which
  /// knows about two thousand endings. False when it can't be read.
  bool load(const char* path);

  /// The value of Content-Type for a file of this name or path; `application/octet-stream` when
  /// nothing is known. The view holds as long as this object.
  std::string_view of(std::string_view name) const;

 private:
  class hash {
   public:
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };

  void add(std::string_view ending, std::string_view type);

  std::unordered_map<std::string, std::string, hash, std::equal_to<>> types_;
};

}  // namespace http
