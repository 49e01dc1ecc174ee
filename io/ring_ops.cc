#include "gyre/io/ring_ops.h"

#include <liburing.h>

namespace gyre::op {

constinit const operation_kind nop::kind("nop", "none", awaited_thing::nothing, ring_policy::submit,
                                         IORING_OP_NOP, "5.1");
void nop::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_nop(&sqe);
}

// The opcode is the caller's: every ring takes an entry.
constinit const operation_kind raw_submission::kind("raw", "none", awaited_thing::nothing,
                                                    ring_policy::submit, IORING_OP_NOP, "5.1");
result<int> raw_submission::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return answer;
}
void raw_submission::leave_to_backend(io_uring_sqe& sqe) noexcept {
  constexpr unsigned backends =
      IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS;
  sqe.flags &= static_cast<__u8>(~backends);
}

std::span<const operation_kind* const> ring_operations() noexcept {
  static constexpr const operation_kind* all[] = {&nop::kind, &raw_submission::kind};
  return all;
}

}  // namespace gyre::op
