#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/operation.h"

namespace gyre::conformance {

/// Watches what is in flight on a backend, and ends the process with a sentence where memory that
/// the kernel may use was freed, see `hostile_heap::quarantine`, or where an operation was ended by
/// somebody else than its backend.
class checking_backend final : public backend_wrapper {
 public:
  explicit checking_backend(std::unique_ptr<backend> inner) noexcept
      : backend_wrapper(std::move(inner)) {}

  bool submit(operation& operation) noexcept override;
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override;
  void cancel(operation& operation) noexcept override;
  void cancel_all(const descriptor_users& users) noexcept override;
  void poll(steady_time until) noexcept override;

 private:
  class watched {
   public:
    explicit watched(class operation& each);

    class operation* operation;
    const char* name;
    std::vector<std::span<const std::byte>> memory;
  };

  void expect_alive(const watched& each) const noexcept;
  void forget_ended() noexcept;

  std::vector<watched> in_flight_;
};

}  // namespace gyre::conformance
