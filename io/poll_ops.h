#pragma once

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre::op {

/// Waits until a descriptor is ready as poll(2) tells; gives the events that are there. Errors and
/// hang-ups always count.
class [[nodiscard]] poll final : public operation {
 public:
  poll(descriptor& watched, short events) noexcept
      : operation(&watched.users()), fd_(watched.number()), events_(events) {}
  result<short> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return {fd_, events_}; }
  const char* name() const noexcept override { return "poll"; }

 private:
  int fd_;
  short events_;
};

}  // namespace gyre::op
