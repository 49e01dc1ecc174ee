#include "gyre/io/mapping_ops.h"

#include <liburing.h>
#include <sys/mman.h>

#include <cstdint>

#include "gyre/io/system_call.h"

namespace gyre::op {

constinit const operation_kind madvise::kind("madvise", "madvise(2)", awaited_thing::device,
                                             ring_policy::offload, IORING_OP_MADVISE, "5.6");
// Lengths of 4 GiB and more are taken from another field; a kernel that doesn't know that refuses.
void madvise::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_madvise(&sqe, pages_.data(), 0, advice_);
  if (pages_.size() <= UINT32_MAX)
    sqe.len = static_cast<std::uint32_t>(pages_.size());
  else
    sqe.off = pages_.size();
}
int madvise::perform() noexcept {
  return system_call([this] { return ::madvise(pages_.data(), pages_.size(), advice_); });
}

constinit const operation_kind msync::kind("msync", "msync(2)", awaited_thing::device,
                                           ring_policy::offload);
int msync::perform() noexcept {
  return system_call([this] { return ::msync(pages_.data(), pages_.size(), MS_SYNC); });
}

std::span<const operation_kind* const> mapping_operations() noexcept {
  static constexpr const operation_kind* all[] = {&madvise::kind, &msync::kind};
  return all;
}

}  // namespace gyre::op
