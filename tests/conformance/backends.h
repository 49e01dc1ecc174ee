#pragma once

#include <memory>
#include <span>

#include "gyre/runtime/backend.h"

namespace gyre::conformance {

/// A way to have a backend, and what the tests on it are called.
class backend_under_test {
 public:
  constexpr backend_under_test(const char* name, std::unique_ptr<backend> (*make)())
      : name(name), make(make) {}

  const char* name;
  std::unique_ptr<backend> (*make)();
};

/// Every backend that must pass the suite. BUILD.bazel makes a test target of each.
std::span<const backend_under_test> backends();

}  // namespace gyre::conformance
