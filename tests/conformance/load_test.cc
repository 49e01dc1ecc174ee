#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/descriptor_limit.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// More than a ring of the usual size takes in one turn; swept, more than a small one has room for.
int many() {
  return times(3000, 50);
}

/// Reads one byte.
task<> take_one(descriptor& from, int& taken) {
  std::byte byte{};
  if (co_await op::read(from, std::span(&byte, 1))) ++taken;
}

task<> echo(tcp_stream stream) {
  std::array<std::byte, 100> buffer;
  while (const auto got = co_await stream.read_some(buffer)) {
    if (*got == 0) co_return;
    (co_await stream.write_all(std::span(buffer).first(*got))).value();
  }
}

int connections() {
  return times(1000);
}

task<> expect_echo(endpoint server, int number, int& done, event& all_connected) {
  auto stream = (co_await tcp_stream::connect(server)).value();
  if (++done == connections()) all_connected.set();
  // Nobody goes on before everybody is there: they are all open at once.
  (co_await all_connected.wait()).value();
  std::array<int, 1> sent = {number};
  std::array<int, 1> received = {-1};
  (co_await stream.write_all(std::as_bytes(std::span(sent)))).value();
  (co_await stream.read_exactly(std::as_writable_bytes(std::span(received)))).value();
  require(received == sent);
  stream.reset_on_close().value();
  --done;
}

GYRE_TEST(load, a_thousand_connections_at_once_are_all_served) {
  const descriptor_limit limit(4096);
  tcp_listener listener = listen_on_loopback();
  int open = 0;
  event all_connected;
  co_await with_scope([&](scope& server) -> task<> {
    server.spawn([&]() -> task<> {
      while (auto stream = co_await listener.accept()) server.spawn(echo(*std::move(stream)));
    });
    co_await with_scope([&](scope& clients) -> task<> {
      for (int i = 0; i < connections(); ++i)
        clients.spawn(expect_echo(listener.local().value(), i, open, all_connected));
      co_return;
    });
    server.request_stop();
  });
  EXPECT_EQ(open, 0);
}

GYRE_TEST(load, more_operations_than_a_ring_has_room_for_all_complete) {
  pipe bytes = pipe::create(65536).value();
  const std::vector<std::byte> sent(many());
  int taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < many(); ++i) children.spawn(take_one(bytes.read_end, taken));
    (void)co_await sleep_for(1ms);
    EXPECT_EQ(taken, 0);
    EXPECT_EQ(::write(bytes.write_end.number(), sent.data(), sent.size()), many());
  });
  EXPECT_EQ(taken, many());
}

GYRE_TEST(load, more_operations_than_a_ring_has_room_for_all_stop) {
  for (const bool kernel_has_them : {false, true}) {
    pipe bytes = pipe::create(65536).value();
    int taken = 0;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < many(); ++i) children.spawn(take_one(bytes.read_end, taken));
      co_await yield();
      if (kernel_has_them) (void)co_await sleep_for(1ms);
      children.request_stop();
    });
    EXPECT_EQ(taken, 0);
  }
}

// Stops and completions come together: those that found a byte have it, the others left it there.
GYRE_TEST(load, a_stop_in_the_middle_of_many_completions_loses_no_byte) {
  pipe bytes = pipe::create(65536).value();
  const std::vector<std::byte> sent(many());
  int taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < many(); ++i) children.spawn(take_one(bytes.read_end, taken));
    (void)co_await sleep_for(1ms);
    EXPECT_EQ(::write(bytes.write_end.number(), sent.data(), sent.size()), many());
    co_await yield();
    children.request_stop();
  });
  (co_await bytes.write_end.close()).value();
  std::vector<std::byte> rest(many());
  int left = 0;
  while (const auto got = (co_await op::read(bytes.read_end, rest)).value())
    left += static_cast<int>(got);
  EXPECT_EQ(taken + left, many());
}

GYRE_TEST(load, a_descriptor_with_many_that_wait_closes) {
  pipe bytes = pipe::create(65536).value();
  int taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < many(); ++i) children.spawn(take_one(bytes.read_end, taken));
    co_await yield();
    (co_await bytes.read_end.close()).value();
  });
  EXPECT_EQ(taken, 0);
}

// Those that wait for room go first come, first served: nobody is passed over for ever.
GYRE_TEST(load, operations_that_wait_for_room_are_served_while_others_come_and_go) {
  pipe idle = pipe::create(4096).value();
  pipe busy = pipe::create(4096).value();
  int taken = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 100; ++i) children.spawn(take_one(idle.read_end, taken));
    for (int i = 0; i < times(1000); ++i) {
      EXPECT_EQ(::write(busy.write_end.number(), "x", 1), 1);
      int one = 0;
      co_await take_one(busy.read_end, one);
      require(one == 1);
    }
    EXPECT_EQ(taken, 0);
    const std::array<std::byte, 100> sent{};
    EXPECT_EQ(::write(idle.write_end.number(), sent.data(), sent.size()), 100);
  });
  EXPECT_EQ(taken, 100);
}

GYRE_TEST(load, operations_that_are_always_ready_starve_no_timer_and_no_wait) {
  pipe bytes = pipe::create(4096).value();
  file nowhere = (co_await file::open("/dev/null", O_RDONLY)).value();
  bool slept = false;
  bool received = false;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (co_await sleep_until(loop::current().now())).value();
      slept = true;
    });
    children.spawn([&]() -> task<> {
      (void)(co_await op::poll(bytes.read_end, POLLIN)).value();
      received = true;
    });
    co_await yield();
    EXPECT_EQ(::write(bytes.write_end.number(), "x", 1), 1);
    for (int immediate = 0; immediate < times(100'000, 100); ++immediate)
      (void)(co_await op::fstat(nowhere.opened())).value();
    EXPECT_TRUE(slept);
    while (!received) (void)(co_await op::fstat(nowhere.opened())).value();
  });
}

GYRE_TEST(load, tasks_that_are_always_ready_starve_no_timer_and_no_wait) {
  pipe bytes = pipe::create(4096).value();
  bool slept = false;
  bool received = false;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (co_await sleep_until(loop::current().now())).value();
      slept = true;
    });
    children.spawn([&]() -> task<> {
      (void)(co_await op::poll(bytes.read_end, POLLIN)).value();
      received = true;
    });
    EXPECT_EQ(::write(bytes.write_end.number(), "x", 1), 1);
    for (int i = 0; i < 10; ++i)
      children.spawn([&]() -> task<> {
        for (int yields = 0; yields < times(10'000, 500); ++yields) co_await yield();
        EXPECT_TRUE(slept);
        while (!received && !children.stop_requested()) co_await yield();
      });
    co_return;
  });
}

}  // namespace
}  // namespace gyre::conformance
