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
  backend_under_test(std::string name, maker make)
      : name(std::move(name)), make(std::move(make)), is_restricted(false), enter_box([] {}) {}
  enum restriction { restricted };
  backend_under_test(
      std::string name, maker make, restriction, std::function<void()> enter_box = [] {})
      : name(std::move(name)),
        make(std::move(make)),
        is_restricted(true),
        enter_box(std::move(enter_box)) {}

  const std::string name;
  const maker make;
  /// It is another one that lacks something. There no process dies of a mistake, nothing is swept,
  /// and nothing done for long.
  const bool is_restricted;
  /// Puts the process into its box, for good; see boxes.h.
  const std::function<void()> enter_box;
};

/// Every backend that must pass the suite. BUILD.bazel makes a test target of each.
std::span<const backend_under_test> backends();

}  // namespace gyre::conformance
