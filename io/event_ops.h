#pragma once

#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on an eventfd(2).
namespace gyre::op {

/// Takes what an eventfd holds, waiting until that is more than 0; 1 of it where the eventfd is a
/// semaphore. It must be non-blocking: a plain system call, again when it is ready.
class [[nodiscard]] eventfd_read final : public operation {
 public:
  static const operation_kind kind;

  explicit eventfd_read(descriptor& counter) noexcept
      : operation(kind, &counter.users()), fd_(counter.number()) {}
  result<std::uint64_t> await_resume() noexcept;

  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int fd_;
  std::uint64_t value_ = 0;
};

/// All kinds of this header.
std::span<const operation_kind* const> event_operations() noexcept;

}  // namespace gyre::op
