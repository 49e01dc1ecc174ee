#include "gyre/tests/conformance/temporary_directory.h"

#include <dirent.h>
#include <ftw.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {

temporary_directory::temporary_directory() {
  path_ = testing::TempDir() + "/gyre-XXXXXX";
  require(mkdtemp(path_.data()) != nullptr);
}

// std::filesystem::remove_all ends the process where memory is out.
temporary_directory::~temporary_directory() {
  constexpr int open_at_once = 16;
  const auto remove_one = [](const char* path, const struct stat*, int, FTW*) {
    ::remove(path);
    return 0;
  };
  nftw(path_.c_str(), remove_one, open_at_once, FTW_DEPTH | FTW_PHYS);
}

void temporary_directory::write(std::string_view name, std::span<const std::byte> content) const {
  std::ofstream out(path_of(name), std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()),
            static_cast<std::streamsize>(content.size()));
  require(out.flush().good());
}

void temporary_directory::make_directory(std::string_view name) const {
  std::filesystem::create_directory(path_of(name));
}

void temporary_directory::link(std::string_view name, std::string_view target) const {
  std::filesystem::create_symlink(target, path_of(name));
}

std::vector<std::string> names_in(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(directory.c_str()), closedir);
  require(opened != nullptr);
  std::vector<std::string> names;
  while (const dirent* each = readdir(opened.get())) {
    const std::string_view name = each->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

}  // namespace gyre::conformance
