// That the sweep finds what it looks for: bugs that are put there on purpose.

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/io/choose_backend.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/checking_backend.h"
#include "gyre/tests/heap/hostile_heap.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Lets an operation end as soon as it is cancelled, and does not wait for the kernel.
class hasty_backend final : public backend_wrapper {
 public:
  explicit hasty_backend(std::unique_ptr<backend> inner) noexcept
      : backend_wrapper(std::move(inner)) {}

  void cancel(operation& operation) noexcept override { operation.complete(-ECANCELED); }
};

std::unique_ptr<backend> checked() {
  return std::make_unique<checking_backend>(
      make_backend(backend_choice::automatic, uring_options(), [](std::string_view) {}));
}

void run_under_quarantine(std::unique_ptr<backend> on, task<> body) {
  frame_pool::keep_nothing();
  const hostile_heap::quarantine nothing_is_used_again;
  loop home(std::move(on));
  run_on(home, std::move(body));
}

/// Frees the buffer of a read that waits, and lets the byte come then.
task<> free_under_a_read(result<std::size_t>& got) {
  pipe bytes = pipe::create(4096).value();
  auto buffer = std::make_unique<std::array<std::byte, 100>>();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { got = co_await op::read(bytes.read_end, *buffer); });
    (void)co_await sleep_for(1ms);
    buffer.reset();
    EXPECT_EQ(::write(bytes.write_end.number(), "x", 1), 1);
  });
}

task<> time_out_a_read() {
  pipe bytes = pipe::create(4096).value();
  std::array<std::byte, 100> buffer;
  (void)co_await with_timeout(op::read(bytes.read_end, buffer), 1ms);
  (void)co_await sleep_for(1ms);
}

TEST(quarantine, knows_what_was_freed) {
  const hostile_heap::quarantine nothing_is_used_again;
  std::vector<std::byte> some(10'000);
  const std::byte* const volatile start = some.data();  // g++ is not to see what becomes of it
  EXPECT_FALSE(hostile_heap::is_freed(start, 10'000));
  std::exchange(some, {});
  EXPECT_TRUE(hostile_heap::is_freed(start, 10'000));
  EXPECT_TRUE(hostile_heap::is_freed(start + 9'999, 1));
}

TEST(quarantine, the_kernel_can_not_write_to_what_was_freed) {
  result<std::size_t> got = std::size_t{0};
  run_under_quarantine(
      make_backend(backend_choice::automatic, uring_options(), [](std::string_view) {}),
      free_under_a_read(got));
  const auto fault = std::make_error_code(std::errc::bad_address);
  EXPECT_TRUE(got.error() == fault || !hostile_heap::quarantine::keeps_out_the_kernel());
}

TEST(quarantine, a_buffer_that_is_freed_too_early_is_found) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  result<std::size_t> got = std::size_t{0};
  EXPECT_DEATH(run_under_quarantine(checked(), free_under_a_read(got)),
               "memory of an operation was freed while the kernel may use it");
}

TEST(quarantine, a_backend_that_does_not_wait_for_the_kernel_is_found) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_under_quarantine(std::make_unique<hasty_backend>(checked()), time_out_a_read()),
               "an operation was (freed while|ended by somebody else)");
}

TEST(quarantine, what_waits_for_the_kernel_is_not_complained_of) {
  run_under_quarantine(checked(), time_out_a_read());
}

}  // namespace
}  // namespace gyre::conformance
