#include <linux/io_uring.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

#include "gyre/io/pipe.h"
#include "gyre/io/ring_ops.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

bool has_ring() {
  return std::string_view(loop::current().kernel().name()) == "uring";
}

void fill_poll(io_uring_sqe& sqe, int fd) {
  sqe.opcode = IORING_OP_POLL_ADD;
  sqe.fd = fd;
  sqe.poll32_events = POLLIN;
}

// Without a ring it ends in any case; on threads perhaps before one of them has looked at it.
void expect_ended_early(const result<int>& got, std::errc with_ring) {
  if (has_ring()) {
    EXPECT_EQ(got.error(), with_ring);
  } else {
    EXPECT_FALSE(got);
  }
}

GYRE_TEST(nop, it_does_nothing) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(co_await op::nop());
}

GYRE_TEST_STOPPED_ANYWHERE(nop, a_stop_leaves_nothing) {
  for (int i = 0; i < 3; ++i) (void)co_await op::nop();
}

GYRE_TEST(raw, the_kernel_gets_what_was_filled_in) {
  pipe made = pipe::create(4096).value();
  std::array<std::byte, 8> buffer{};
  require(::write(made.write_end.number(), "abc", 3) == 3);
  const auto got = co_await op::raw([&](io_uring_sqe& sqe) {
    sqe.opcode = IORING_OP_READ;
    sqe.fd = made.read_end.number();
    sqe.addr = reinterpret_cast<std::uintptr_t>(buffer.data());
    sqe.len = buffer.size();
    sqe.off = static_cast<std::uint64_t>(-1);
    sqe.user_data = 12345;
    sqe.flags = IOSQE_IO_LINK | IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS;
  });
  if (has_ring()) {
    EXPECT_EQ(got.value(), 3);
    EXPECT_EQ(text_of(std::span(buffer).first(3)), "abc");
  } else {
    EXPECT_EQ(got.error(), std::errc::operation_not_supported);
  }
}

GYRE_TEST(raw, the_kernels_error_is_the_result) {
  const auto got = co_await op::raw([](io_uring_sqe& sqe) { sqe.opcode = 254; });
  EXPECT_EQ(got.error(),
            has_ring() ? std::errc::invalid_argument : std::errc::operation_not_supported);
}

GYRE_TEST(raw, it_is_cancelled_as_any_other) {
  pipe made = pipe::create(4096).value();
  const auto got = co_await with_timeout(
      op::raw([&](io_uring_sqe& sqe) { fill_poll(sqe, made.read_end.number()); }), 1ms);
  expect_ended_early(got, std::errc::timed_out);
}

GYRE_TEST(raw, closing_the_descriptor_that_counts_it_ends_it) {
  pipe made = pipe::create(4096).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const int fd = made.read_end.number();
      const auto got =
          co_await op::raw(made.read_end, [fd](io_uring_sqe& sqe) { fill_poll(sqe, fd); });
      expect_ended_early(got, std::errc::operation_canceled);
    });
    co_await yield();
    (co_await made.read_end.close()).value();
  });
}

}  // namespace
}  // namespace gyre::conformance
