#include "gyre/tests/conformance/temporary_directory.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {

temporary_directory::temporary_directory() {
  std::string name = testing::TempDir() + "/gyre-XXXXXX";
  require(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void temporary_directory::write(std::string_view name, std::span<const std::byte> content) const {
  std::ofstream out(path_ / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()),
            static_cast<std::streamsize>(content.size()));
  require(out.flush().good());
}

void temporary_directory::make_directory(std::string_view name) const {
  std::filesystem::create_directory(path_ / name);
}

void temporary_directory::link(std::string_view name, std::string_view target) const {
  std::filesystem::create_symlink(target, path_ / name);
}

}  // namespace gyre::conformance
