#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/operation.h"

namespace gyre::conformance {

/// Another backend, that calls a function once, at a chosen turn of its loop: just before that turn
/// enters the kernel, or when the kernel has got all that was submitted.
class stopping_backend final : public backend {
 public:
  enum class when { before_the_kernel, while_kernel_has_it };

  stopping_backend(std::unique_ptr<backend> inner, int turn, when when)
      : inner_(std::move(inner)), turns_left_(turn), when_(when) {}

  /// What to call.
  std::function<void()> action;
  bool acted() const noexcept { return acted_; }

  bool submit(operation& operation) noexcept override { return inner_->submit(operation); }
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override {
    return inner_->submit_linked(operations, kind);
  }
  void cancel(operation& operation) noexcept override { inner_->cancel(operation); }
  void cancel_all(const descriptor_users& users) noexcept override { inner_->cancel_all(users); }
  void forget(const descriptor_users& users, int fd) noexcept override {
    inner_->forget(users, fd);
  }
  void poll(steady_time until) noexcept override {
    if (!acted_ && action && --turns_left_ == 0) {
      if (when_ == when::while_kernel_has_it) inner_->poll(no_wait);
      acted_ = true;
      action();
      until = no_wait;  // whoever was resumed by that must not wait
    }
    inner_->poll(until);
  }
  void wake() noexcept override { inner_->wake(); }
  steady_time now() const noexcept override { return inner_->now(); }
  int take_direct_slot() noexcept override { return inner_->take_direct_slot(); }
  void return_direct_slot(int slot) noexcept override { inner_->return_direct_slot(slot); }
  bool nonblocking() const noexcept override { return inner_->nonblocking(); }
  const char* name() const noexcept override { return inner_->name(); }
  backend_report report() const override { return inner_->report(); }
  const backend_counters& counters() const noexcept override { return inner_->counters(); }
  void attach(loop& home) override { inner_->attach(home); }

 private:
  std::unique_ptr<backend> inner_;
  int turns_left_;
  when when_;
  bool acted_ = false;
};

}  // namespace gyre::conformance
