#pragma once

#include <memory>
#include <span>
#include <utility>

#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"

namespace gyre {

/// A backend that hands everything on to another one: a base for those that change a part of it.
class backend_wrapper : public backend {
 public:
  bool submit(operation& operation) noexcept override { return inner_->submit(operation); }
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override {
    return inner_->submit_linked(operations, kind);
  }
  void cancel(operation& operation) noexcept override { inner_->cancel(operation); }
  void cancel_all(const descriptor_users& users) noexcept override { inner_->cancel_all(users); }
  void forget(const descriptor_users& users, int fd) noexcept override {
    inner_->forget(users, fd);
  }
  void poll(steady_time until) noexcept override { inner_->poll(until); }
  bool looks() const noexcept override { return inner_->looks(); }
  bool look(steady_time until, const inbox& messages) noexcept override {
    return inner_->look(until, messages);
  }
  void wake() noexcept override { inner_->wake(); }
  steady_time now() const noexcept override { return inner_->now(); }
  steady_time coarse_now() const noexcept override { return inner_->coarse_now(); }
  int take_direct_slot() noexcept override { return inner_->take_direct_slot(); }
  void return_direct_slot(int slot) noexcept override { inner_->return_direct_slot(slot); }
  bool nonblocking() const noexcept override { return inner_->nonblocking(); }
  const char* name() const noexcept override { return inner_->name(); }
  backend_report report() const override { return inner_->report(); }
  const backend_counters& counters() const noexcept override { return inner_->counters(); }
  void attach(loop& home) override { inner_->attach(home); }

 protected:
  explicit backend_wrapper(std::unique_ptr<backend> inner) noexcept : inner_(std::move(inner)) {}

  backend& inner() noexcept { return *inner_; }

 private:
  std::unique_ptr<backend> inner_;
};

}  // namespace gyre
