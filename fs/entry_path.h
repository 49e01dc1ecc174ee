#pragma once

#include <string>

#include "gyre/runtime/result.h"

namespace gyre {

/// A path beneath a directory that names an entry there: the last name, and the way to what the
/// entry lies in.
class entry_path {
 public:
  /// `invalid_argument` where the path ends in no name (in `.`, `..` or a slash) or contains a NUL,
  /// `cross_device_link` where it is absolute.
  static result<entry_path> of(std::string path);

  /// Whether there is a way to go; else the entry lies where the path begins.
  bool has_parent() const noexcept { return !parent_.empty(); }
  const std::string& parent() const noexcept { return parent_; }
  const std::string& name() const noexcept { return name_; }

 private:
  entry_path(std::string parent, std::string name) noexcept;

  std::string parent_;
  std::string name_;
};

}  // namespace gyre
