#pragma once

#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre::op {

/// Waits until a descriptor is ready as poll(2) tells; gives the events that are there. Errors and
/// hang-ups always count.
class [[nodiscard]] poll final : public operation {
 public:
  static const operation_kind kind;

  poll(descriptor& watched, short events) noexcept
      : operation(kind, &watched.users()), fd_(watched.number()), events_(events) {}
  result<short> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return {fd_, events_}; }

 private:
  int fd_;
  short events_;
};

/// All kinds of this header.
std::span<const operation_kind* const> poll_operations() noexcept;

}  // namespace gyre::op
