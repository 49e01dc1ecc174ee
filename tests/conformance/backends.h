#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "gyre/runtime/backend.h"

namespace gyre::conformance {

/// A way to have a backend, and what the tests on it are called.
class backend_under_test {
 public:
  using maker = std::function<std::unique_ptr<backend>()>;
  backend_under_test(std::string name, maker make) : name(std::move(name)), make(std::move(make)) {}

  const std::string name;
  const maker make;
};

/// Every backend that must pass the suite. BUILD.bazel makes a test target of each.
std::span<const backend_under_test> backends();

}  // namespace gyre::conformance
