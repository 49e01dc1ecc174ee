#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::conformance {

/// A new directory that is removed with all that is in it.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }

  void write(std::string_view name, std::span<const std::byte> content) const;
  void make_directory(std::string_view name) const;
  void link(std::string_view name, std::string_view target) const;

 private:
  std::string path_;
};

/// What is in a directory. As `std::filesystem::directory_iterator`, which ends the process where
/// memory is out.
std::vector<std::string> names_in(const std::string& directory);

}  // namespace gyre::conformance
