#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/directory_reader.h"
#include "gyre/fs/file.h"
#include "gyre/fs/mapping.h"
#include "gyre/fs/watch.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/io/event_counter.h"
#include "gyre/io/futex_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/process.h"
#include "gyre/io/signals.h"
#include "gyre/net/udp.h"
#include "gyre/net/unix.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// The descriptors that a program started now would find.
std::set<int> inheritable() {
  std::set<int> found;
  for (const std::string& name : names_in("/proc/self/fd")) {
    const int fd = std::stoi(name);
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found.insert(fd);
  }
  return found;
}

// Before there is any loop.
const std::set<int> from_parent = inheritable();

void expect_none_inheritable() {
  EXPECT_TRUE(inheritable() == from_parent);
}

GYRE_TEST(close_on_exec, holds_for_the_loop_and_files) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  directory root = (co_await directory::open(place.path())).value();
  file opened = (co_await root.open_beneath("file", O_RDONLY)).value();
  directory_reader reader = (co_await directory_reader::open(root)).value();
  mapping mapped = (co_await mapping::of(opened)).value();
  file_watch watch = file_watch::create().value();
  direct_descriptor direct;
  const std::string path = place.path_of("file");
  (co_await direct.open(root.opened(), path.c_str(), O_RDONLY)).value();
  expect_none_inheritable();
}

GYRE_TEST(close_on_exec, holds_for_sockets) {
  tcp_pair tcp = co_await connect_pair();
  tcp_listener listener = listen_on_loopback();
  udp_socket udp = udp_socket::bind(endpoint::loopback_v4(0)).value();
  auto streams = unix_stream::pair().value();
  const std::string name = "gyre-exec-" + std::to_string(getpid());
  const unix_address address = unix_address::abstract(name).value();
  unix_listener unix_listener = unix_listener::bind(address).value();
  unix_stream client = (co_await unix_stream::connect(address)).value();
  unix_stream server = (co_await unix_listener.accept()).value();
  unix_datagram datagram = unix_datagram::open().value();
  direct_descriptor direct;
  (co_await direct.socket(AF_INET, SOCK_STREAM)).value();
  const std::array sent = {udp.socket().number()};
  (co_await streams.first.send(bytes_of("x"), sent)).value();
  std::array<std::byte, 1> buffer;
  const unix_message received = (co_await streams.second.receive(buffer, 1)).value();
  require(received.descriptors.size() == 1);
  expect_none_inheritable();
}

GYRE_TEST(close_on_exec, holds_for_pipes_processes_and_events) {
  pipe made = pipe::create(4096).value();
  event_counter counter = event_counter::create().value();
  signals wanted = signals::create({SIGUSR1}).value();
  spawn_options options;
  options.input = options.output = options.error = child_stream::piped();
  const std::vector<std::string> program = {"cat"};
  process child = (co_await process::spawn(program, options)).value();
  expect_none_inheritable();
  (co_await child.input.close()).value();
  EXPECT_TRUE((co_await child.wait()).value().succeeded());
}

GYRE_TEST(close_on_exec, holds_while_something_waits) {
  std::atomic<std::uint32_t> word = 0;
  pipe empty = pipe::create(4096).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await op::futex_wait(word, 0); });
    children.spawn([&]() -> task<> { (void)co_await op::poll(empty.read_end, POLLIN); });
    (void)co_await sleep_for(2ms);
    expect_none_inheritable();
    children.request_stop();
  });
}

}  // namespace
}  // namespace gyre::conformance
