#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace detail {

class root_scope final : public scope {
 public:
  explicit root_scope(loop& home) noexcept : scope(home), home_(home) {}
  void drive() {
    home_.drive(ended_, *this);
    rethrow_failure();
  }

 private:
  void emptied() noexcept override { ended_ = true; }

  loop& home_;
  bool ended_ = false;
};

template <class T, class Outcome>
task<void> run_main(task<T> main, scope& root, Outcome& outcome) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(main);
    outcome = true;
  } else {
    outcome.emplace(co_await std::move(main));
  }
  root.request_stop();
}

}  // namespace detail

/// Runs `main` on `home` and this thread until it has finished and gives what it returns; throws
/// what it throws. Tasks that were spawned into the root scope are then asked to stop and awaited:
/// on return nothing is left.
template <class T>
T run_on(loop& home, task<T> main) {
  detail::root_scope root(home);
  std::conditional_t<std::is_void_v<T>, bool, std::optional<T>> outcome{};
  root.spawn(detail::run_main(std::move(main), root, outcome));
  root.drive();
  if constexpr (!std::is_void_v<T>) return *std::move(outcome);
}

}  // namespace gyre
