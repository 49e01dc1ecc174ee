#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/splice_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

// What a stop finds a program doing, from its first turn to its last. Under AddressSanitizer these
// see what the kernel or a list still refers to.
namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

task<> echo(tcp_stream stream) {
  std::array<std::byte, 100> buffer;
  while (const auto got = co_await stream.read_some(buffer)) {
    if (*got == 0) co_return;
    (co_await stream.write_all(std::span(buffer).first(*got))).value();
  }
}

task<> ping(endpoint server, int times) {
  auto stream = (co_await tcp_stream::connect(server)).value();
  std::array<std::byte, 4> buffer;
  for (int i = 0; i < times; ++i) {
    (co_await stream.write_all(bytes_of("ping"))).value();
    require((co_await stream.read_exactly(buffer)).value() == 4);
    require(text_of(buffer) == "ping");
  }
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, an_echo_server_with_its_clients) {
  tcp_listener listener = listen_on_loopback();
  co_await with_scope([&](scope& server) -> task<> {
    server.spawn([&]() -> task<> {
      while (auto stream = co_await listener.accept()) server.spawn(echo(*std::move(stream)));
    });
    co_await with_scope([&](scope& clients) -> task<> {
      for (int i = 0; i < 3; ++i) clients.spawn(ping(listener.local().value(), 3));
      co_return;
    });
    server.request_stop();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, connections_that_come_and_go) {
  tcp_listener listener = listen_on_loopback();
  for (int i = 0; i < 3; ++i) {
    tcp_pair pair = co_await connect_pair(listener);
    (co_await pair.client.close()).value();
    std::array<std::byte, 1> buffer;
    require((co_await pair.server.read_some(buffer)).value() == 0);
  }
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_long_write_and_its_reader) {
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(8192).value();
  const std::vector<std::byte> sent(300'000);
  std::vector<std::byte> received(sent.size());
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (co_await pair.client.write_all(sent)).value();
      pair.client.shutdown_write().value();
    });
    require((co_await pair.server.read_exactly(received)).value() == received.size());
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, open_read_and_close) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  directory root = (co_await directory::open(place.path())).value();
  for (int i = 0; i < 3; ++i) {
    file opened = (co_await root.open_beneath("file", O_RDONLY)).value();
    require((co_await opened.status()).value().size() == 7);
    std::array<std::byte, 7> buffer;
    require((co_await opened.read_at(buffer, 0)).value() == 7);
    (co_await opened.close()).value();
  }
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_file_by_a_pipe_to_a_socket) {
  const temporary_directory place;
  const std::vector<std::byte> content(times(200'000, 70'000));
  place.write("file", content);
  file source = (co_await file::open(place.path_of("file"), O_RDONLY)).value();
  tcp_pair pair = co_await connect_pair();
  pair.client.allow_splice().value();
  pipe between = pipe::create(65536).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::vector<std::byte> received(content.size());
      require((co_await pair.server.read_exactly(received)).value() == content.size());
    });
    for (std::size_t sent = 0; sent < content.size();) {
      std::size_t waiting = (co_await op::splice_from_file(source.opened(), sent, between.write_end,
                                                           between.capacity()))
                                .value();
      sent += waiting;
      while (waiting > 0)
        waiting -=
            (co_await op::splice_to_socket(between.read_end, pair.client.socket(), waiting, true))
                .value();
    }
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, timeouts_in_timeouts) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const auto read_twice = [&]() -> task<> {
    for (int i = 0; i < 2; ++i) {
      const auto got = co_await with_timeout(pair.server.read_some(buffer), 200us);
      require(got.error() == std::errc::timed_out);
    }
  };
  (co_await with_timeout(invoke(read_twice), 1h)).value();
  (co_await sleep_for(200us)).value();
  const auto read_for_long = [&]() -> task<> {
    const auto got = co_await with_timeout(pair.server.read_some(buffer), 1h);
    require(got.error() == std::errc::operation_canceled);
  };
  const auto got = co_await with_timeout(read_for_long(), 200us);
  require(got.error() == std::errc::timed_out);
}

task<> nest(int depth, event& bottom) {
  co_await with_scope([&, depth](scope& children) -> task<> {
    children.spawn([]() -> task<> { (co_await sleep_for(100us)).value(); });
    if (depth > 0)
      children.spawn(nest(depth - 1, bottom));
    else
      bottom.set();
    (co_await bottom.wait()).value();
    co_await yield();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, scopes_in_scopes) {
  event bottom;
  co_await nest(5, bottom);
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_close_with_many_that_wait) {
  pipe both = pipe::create(4096).value();
  int ended = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < 20; ++i)
      children.spawn([&]() -> task<> {
        std::byte byte{};
        (void)co_await op::read(both.read_end, std::span(&byte, 1));
        ++ended;
      });
    (co_await sleep_for(100us)).value();
    (co_await both.read_end.close()).value();
  });
  require(ended == 20);
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, more_waits_than_a_ring_has_room_for) {
  const bool has_ring = std::string_view(loop::current().kernel().name()) == "uring";
  const int waits = has_ring ? times(1000, 50) : 50;
  pipe both = pipe::create(4096).value();
  int ready = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < waits; ++i)
      children.spawn(
          [&]() -> task<> { ready += (co_await op::poll(both.read_end, POLLIN)).has_value(); });
    co_await yield();
    require(::write(both.write_end.number(), "x", 1) == 1);
  });
  require(ready == waits);
}

}  // namespace
}  // namespace gyre::conformance
