#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "gyre/fs/file.h"
#include "gyre/io/choose_backend.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/pipe_ops.h"
#include "gyre/io/ring.h"
#include "gyre/io/socket_setup_ops.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

namespace gyre {
namespace {

/// How many of two linked operations, the first of which waits, the backend gets at once.
std::uint64_t submitted_at_once(backend_choice choice, bool system_call_between) {
  std::uint64_t submitted = 0;
  loop home(make_backend(choice, uring_options(), {}));
  run_on(home, [](auto& home, auto& submitted, bool system_call_between) -> task<> {
    pipe empty = pipe::create(4096).value();
    std::array<std::byte, 4> buffer;
    co_await with_scope([&](scope& children) -> task<> {
      const std::uint64_t before = home.kernel().counters().submitted;
      children.spawn([&]() -> task<> {
        if (system_call_between)
          (void)co_await link(op::read(empty.read_end, buffer),
                              op::tee(empty.read_end, empty.write_end, 1));
        else
          (void)co_await link(op::read(empty.read_end, buffer), op::read(empty.read_end, buffer));
      });
      co_await yield();
      submitted = home.kernel().counters().submitted - before;
      children.request_stop();
    });
  }(home, submitted, system_call_between));
  return submitted;
}

TEST(linked_submission, is_one_where_the_ring_runs_all_of_it) {
  EXPECT_EQ(submitted_at_once(backend_choice::uring, false), 2U);
}

TEST(linked_submission, is_one_of_what_runs_on_threads_alone) {
  loop home(make_backend(backend_choice::uring, uring_options(), {}));
  run_on(home, [](loop& home) -> task<> {
    file scratch = (co_await file::open(testing::TempDir(), O_RDWR | O_TMPFILE, 0600)).value();
    const std::array<std::byte, 4> content{};
    const std::uint64_t before = home.kernel().counters().submitted;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        auto [written, rewritten, durable] = co_await link(
            scratch.write_at(content, 0), scratch.write_at(content, 4), scratch.sync_data());
        EXPECT_TRUE(written && rewritten && durable);
      });
      co_await yield();
      EXPECT_EQ(home.kernel().counters().submitted - before, 3U);
    });
    (co_await scratch.close()).value();
  }(home));
}

TEST(linked_submission, is_one_of_what_sets_a_socket_up_where_the_kernel_has_all_of_it) {
  const opcode_set known = ring::create(ring_size()).value()->opcodes();
  const bool known_all = known.test(op::setsockopt::kind.opcode) &&
                         known.test(op::bind::kind.opcode) && known.test(op::listen::kind.opcode);
  loop home(make_backend(backend_choice::uring, uring_options(), {}));
  run_on(home, [](loop& home, bool known_all) -> task<> {
    descriptor socket = (co_await op::socket(AF_INET, SOCK_STREAM)).value();
    const std::uint64_t before = home.kernel().counters().completed;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const sockaddr_in any = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
        auto [set, bound, listening] =
            co_await link(op::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, 1),
                          op::bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof any),
                          op::listen(socket, 1));
        EXPECT_TRUE(set && bound && listening);
      });
      co_await yield();
      EXPECT_EQ(home.kernel().counters().completed - before, known_all ? 0U : 3U);
    });
    (co_await socket.close()).value();
  }(home, known_all));
}

TEST(linked_submission, is_one_with_what_it_opens) {
  loop home(make_backend(backend_choice::uring, uring_options(), {}));
  run_on(home, [](auto& home) -> task<> {
    descriptor here(AT_FDCWD);
    direct_descriptor slot;
    EXPECT_TRUE(slot.in_table());
    std::array<std::byte, 4> buffer;
    const std::uint64_t before = home.kernel().counters().submitted;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        (void)co_await hard_link(slot.open(here, "/proc/self/stat", O_RDONLY),
                                 slot.read_at(buffer, 0), slot.close());
      });
      co_await yield();
      EXPECT_EQ(home.kernel().counters().submitted - before, 3U);
    });
    EXPECT_FALSE(slot.is_open());
  }(home));
}

TEST(linked_submission, is_divided_without_one_of_the_opcodes_for_what_it_opens) {
  uring_options options;
  options.without.set(op::direct_close::kind.opcode);
  loop home(make_backend(backend_choice::uring, options, {}));
  run_on(home, []() -> task<> {
    descriptor here(AT_FDCWD);
    direct_descriptor slot;
    EXPECT_FALSE(slot.in_table());
    std::array<std::byte, 4> buffer;
    auto [opened, got, closed] = co_await link(slot.open(here, "/proc/self/stat", O_RDONLY),
                                               slot.read_at(buffer, 0), slot.close());
    EXPECT_TRUE(opened && got && closed);
  }());
}

TEST(linked_submission, is_divided_where_one_is_a_system_call) {
  EXPECT_EQ(submitted_at_once(backend_choice::uring, true), 1U);
}

TEST(linked_submission, is_divided_on_backends_without_a_ring) {
  EXPECT_EQ(submitted_at_once(backend_choice::epoll, false), 1U);
  EXPECT_EQ(submitted_at_once(backend_choice::threads, false), 1U);
}

}  // namespace
}  // namespace gyre
