#include "gyre/benchmarks/micro/raw_nop.h"

#include <liburing.h>

#include <cstdint>
#include <cstring>

namespace micro {

void raw_nops(benchmark::State& state, unsigned depth) {
  io_uring ring;
  const int made =
      io_uring_queue_init(512, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
  if (made < 0) {
    state.SkipWithError(std::strerror(-made));
    return;
  }
  io_uring_register_ring_fd(&ring);
  std::uint64_t sum = 0;
  while (state.KeepRunningBatch(depth)) {
    for (unsigned i = 0; i < depth; ++i) {
      io_uring_sqe* sqe = io_uring_get_sqe(&ring);
      io_uring_prep_nop(sqe);
      io_uring_sqe_set_data64(sqe, i);
    }
    io_uring_submit_and_wait(&ring, 1);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring, head, cqe) {
      sum += io_uring_cqe_get_data64(cqe);
      ++count;
    }
    io_uring_cq_advance(&ring, count);
    if (count != depth) state.SkipWithError("not all NOPs ended at once");
  }
  benchmark::DoNotOptimize(sum);
  io_uring_queue_exit(&ring);
}

}  // namespace micro
