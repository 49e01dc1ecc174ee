#pragma once

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on mapped memory, named as their system calls.
namespace gyre::op {

/// madvise(2) of whole pages, which must stay mapped until the operation has ended. `mapped` is the
/// descriptor that the memory belongs to, so that closing it waits. May read from the disk, and
/// runs on the backend's own threads; what runs there is not cancelled.
class [[nodiscard]] madvise final : public operation {
 public:
  static const operation_kind kind;

  madvise(descriptor& mapped, std::span<std::byte> pages, int advice) noexcept
      : operation(kind, &mapped.users()), pages_(pages), advice_(advice) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  std::span<std::byte> pages_;
  int advice_;
};

/// msync(2): waits until what was written to whole pages of a shared mapping is on the disk.
/// Otherwise as `madvise`.
class [[nodiscard]] msync final : public operation {
 public:
  static const operation_kind kind;

  msync(descriptor& mapped, std::span<std::byte> pages) noexcept
      : operation(kind, &mapped.users()), pages_(pages) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  std::span<std::byte> pages_;
};

/// All kinds of this header.
std::span<const operation_kind* const> mapping_operations() noexcept;

}  // namespace gyre::op
