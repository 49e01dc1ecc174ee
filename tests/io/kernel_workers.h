#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// The threads that the kernel has made to work for rings of this process, by id. Each stays for
/// some seconds after its last work, and may take up other work of its thread's meanwhile.
std::set<int> kernel_workers();

/// Whether a ring may have an operation of this kind done by a kernel worker. Alone, where it is a
/// submission though it waits for a device. In a link, also what is submitted there only: what the
/// other policies are for. What a raw submission does only its user knows.
bool may_take_kernel_worker(const operation_kind& kind, bool linked) noexcept;

/// Calls a function with the kind of each operation that is handed to the backend, and with whether
/// it is part of a link that the backend took as one. On the loop's thread.
class watched_backend final : public backend_wrapper {
 public:
  using watcher = std::function<void(const operation_kind& kind, bool linked)>;

  watched_backend(std::unique_ptr<backend> inner, watcher watch)
      : backend_wrapper(std::move(inner)), watch_(std::move(watch)) {}

  bool submit(operation& operation) noexcept override {
    watch_(operation.kind(), false);
    return inner().submit(operation);
  }
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override {
    if (!inner().submit_linked(operations, kind)) return false;
    for (const operation* each : operations) watch_(each->kind(), true);
    return true;
  }

 private:
  const watcher watch_;
};

}  // namespace gyre
