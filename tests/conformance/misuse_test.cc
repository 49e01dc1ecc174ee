#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <concepts>

#include "gyre/io/descriptor.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/net/tcp.h"
#include "gyre/net/udp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

task<> sleep_long() {
  (void)co_await sleep_for(1h);
}
task<> wait_for(event& awaited) {
  (void)co_await awaited.wait();
}
/// Destroys the coroutine of `waiting` from outside, once it waits.
task<> destroy_in_the_middle(task<> waiting) {
  co_await with_scope([&](scope& children) -> task<> {
    const auto coroutine = waiting.coroutine().handle();
    children.spawn(std::move(waiting));
    co_await yield();
    coroutine.destroy();
  });
}

GYRE_TEST_THAT_DIES(misuse, destroying_a_task_that_sleeps, "destroyed while it waited") {
  co_await destroy_in_the_middle(sleep_long());
}

GYRE_TEST_THAT_DIES(misuse, destroying_a_task_that_waits_for_an_event,
                    "destroyed while it waited") {
  event never_set;
  co_await destroy_in_the_middle(wait_for(never_set));
}

GYRE_TEST_THAT_DIES(misuse, awaiting_a_task_twice, "awaited before") {
  task<> slept = sleep_long();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { co_await std::move(slept); });
    children.spawn([&]() -> task<> { co_await std::move(slept); });
    co_return;
  });
}

GYRE_TEST_THAT_DIES(misuse, writing_a_whole_buffer_with_one_operation_twice, "a second time") {
  tcp_pair pair = co_await connect_pair();
  auto write = pair.client.write_all(bytes_of("once"));
  (co_await write).value();
  (co_await write).value();
}

// What the kernel filled in the first time would be the room that it has the second time.
GYRE_TEST_THAT_DIES(misuse, receiving_two_datagrams_with_one_operation, "a second time") {
  udp_socket socket = udp_socket::bind(endpoint::loopback_v4(0)).value();
  const endpoint self = socket.local().value();
  std::array<std::byte, 8> buffer;
  auto receive = socket.receive_from(buffer);
  (co_await socket.send_to(bytes_of("one"), self)).value();
  (co_await receive).value();
  (co_await socket.send_to(bytes_of("two"), self)).value();
  (co_await receive).value();
}

GYRE_TEST_THAT_DIES(misuse, opening_a_direct_descriptor_twice_in_a_link, "that is open") {
  descriptor here(AT_FDCWD);
  direct_descriptor opened;
  auto [first, second] = co_await link(opened.open(here, "/dev/null", O_RDONLY),
                                       opened.open(here, "/dev/zero", O_RDONLY));
  EXPECT_TRUE(first && second);
}

GYRE_TEST_THAT_DIES(misuse, making_a_direct_socket_twice_in_a_link, "that is open") {
  direct_descriptor made;
  auto [first, second] =
      co_await hard_link(made.socket(AF_INET, SOCK_STREAM), made.socket(AF_INET, SOCK_STREAM));
  EXPECT_TRUE(first && second);
}

template <class Awaitable>
concept awaitable_where_it_was_made =
    requires(Awaitable kept) { std::move(kept).operator co_await(); };
template <class Awaitable>
concept awaitable_later = requires(Awaitable kept) { kept.operator co_await(); };

// It refers to a temporary: kept in a variable it would dangle.
static_assert(awaitable_where_it_was_made<timed_wait<op::recv>>);
static_assert(!awaitable_later<timed_wait<op::recv>>);

}  // namespace
}  // namespace gyre::conformance
