#pragma once

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace op {

/// One attempt of `gyre::tee`, which waits for nothing: `resource_unavailable_try_again` when there
/// is nothing in one pipe or no room in the other. Always a system call, since a ring would spend a
/// kernel worker on it.
class [[nodiscard]] tee final : public operation {
 public:
  static const operation_kind kind;

  tee(descriptor& source, descriptor& target, std::size_t most) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int source_;
  int target_;
  unsigned most_;
};

/// vmsplice(2): puts memory into a pipe without copying it: at least one byte, as many as there is
/// room for. The pipe refers to `buffer` even after the operation has ended: it must stay, and not
/// be written to, until a reader has taken all of it. io_uring does not have it.
class [[nodiscard]] vmsplice final : public operation {
 public:
  static const operation_kind kind;

  vmsplice(descriptor& pipe, std::span<const std::byte> buffer) noexcept
      : operation(kind, &pipe.users()), pipe_(pipe.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int pipe_;
  std::span<const std::byte> buffer_;
};

/// All kinds of this header.
std::span<const operation_kind* const> pipe_operations() noexcept;

}  // namespace op

/// Puts what lies in one pipe into another one too, and takes none of it away: see tee(2). Waits
/// until it is at least one byte; 0 when the source is empty and nobody can write to it any more. A
/// stop loses nothing.
task<result<std::size_t>> tee(descriptor& source, descriptor& target, std::size_t most);

}  // namespace gyre
