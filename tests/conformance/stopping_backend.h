#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "gyre/runtime/backend_wrapper.h"

namespace gyre::conformance {

/// Calls a function once, at a chosen turn of its loop: just before that turn enters the kernel, or
/// when the kernel has got all that was submitted.
class stopping_backend final : public backend_wrapper {
 public:
  enum class when { before_the_kernel, while_kernel_has_it };

  stopping_backend(std::unique_ptr<backend> inner, int turn, when when)
      : backend_wrapper(std::move(inner)), turns_left_(turn), when_(when) {}

  /// What to call.
  std::function<void()> action;
  bool acted() const noexcept { return acted_; }

  void poll(steady_time until) noexcept override {
    if (!acted_ && action && --turns_left_ == 0) {
      if (when_ == when::while_kernel_has_it) inner().poll(no_wait);
      acted_ = true;
      action();
      until = no_wait;  // whoever was resumed by that must not wait
    }
    inner().poll(until);
  }

 private:
  int turns_left_;
  when when_;
  bool acted_ = false;
};

}  // namespace gyre::conformance
