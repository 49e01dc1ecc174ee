#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace gyre::conformance {

/// A new directory that is removed with all that is in it.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  std::string path() const { return path_.string(); }
  std::string path_of(std::string_view name) const { return (path_ / name).string(); }

  void write(std::string_view name, std::span<const std::byte> content) const;
  void make_directory(std::string_view name) const;
  void link(std::string_view name, std::string_view target) const;

 private:
  std::filesystem::path path_;
};

}  // namespace gyre::conformance
