#include "gyre/runtime/shield.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

// What is shielded waits for its peer alone: the scope that is to write owns its end, so that the
// read ends with it in any case.

using namespace std::chrono_literals;

GYRE_TEST(shields, what_is_in_flight_is_not_cancelled_by_a_stop) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await shield(pair.server.read_exactly(buffer))).value(), 4U);
      EXPECT_EQ((co_await pair.server.read_some(buffer)).error(), std::errc::operation_canceled);
    });
    tcp_stream client = std::move(pair.client);
    co_await yield();
    children.request_stop();
    EXPECT_TRUE(co_await shield(client.write_all(bytes_of("data"))));
  });
  EXPECT_EQ(text_of(buffer), "data");
}

// Peers that need no memory to do their part: a wait in a shield has only them.
task<> send_soon(channel<int>& values) {
  co_await yield();
  EXPECT_TRUE(values.try_send(1));
}
task<> receive_soon(channel<int>& values) {
  co_await yield();
  EXPECT_EQ(values.try_receive().value(), 2);
}

GYRE_TEST(shields, anything_that_can_be_awaited_can_be_shielded) {
  channel<int> values(1);
  co_await with_scope([&](scope& children) -> task<> {
    children.request_stop();
    children.spawn(send_soon(values));
    EXPECT_EQ((co_await shield(values.receive())).value(), 1);
    EXPECT_EQ((co_await values.receive()).error(), std::errc::operation_canceled);
    EXPECT_TRUE(co_await shield(values.send(2)));
    EXPECT_EQ((co_await shield(with_timeout(values.send(3), 1ms))).error(), std::errc::timed_out);
    children.spawn(receive_soon(values));
    EXPECT_TRUE(co_await shield(values.send(3)));
  });
  EXPECT_EQ(values.try_receive().value(), 3);
}

GYRE_TEST(shields, what_begins_after_a_stop_is_done) {
  const temporary_directory place;
  place.write("file", bytes_of("content"));
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      directory root = (co_await shield(directory::open(place.path()))).value();
      EXPECT_EQ((co_await root.remove_beneath("file")).error(), std::errc::operation_canceled);
      direct_descriptor slot;
      std::array<std::byte, 7> buffer;
      const auto [opened, got, closed] = co_await shield(
          link(slot.open(root.opened(), "file", O_RDONLY), slot.read_at(buffer, 0), slot.close()));
      EXPECT_EQ(got.value(), 7U);
      EXPECT_TRUE(closed);
      EXPECT_TRUE(co_await shield(root.remove_beneath("file")));
    });
    children.request_stop();
    co_return;
  });
  EXPECT_NE(access(place.path_of("file").c_str(), F_OK), 0);
}

GYRE_TEST(shields, a_deadline_outside_waits_for_what_is_inside) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto read = [&]() -> task<result<std::size_t>> {
        co_return co_await shield(pair.server.read_exactly(buffer));
      };
      EXPECT_EQ((co_await with_timeout(read(), 1ms)).value(), 4U);
    });
    tcp_stream client = std::move(pair.client);
    (co_await sleep_for(3ms)).value();
    (co_await client.write_all(bytes_of("late"))).value();
  });
  EXPECT_EQ(text_of(buffer), "late");
}

GYRE_TEST(shields, a_deadline_inside_ends_what_it_is_around) {
  tcp_pair pair = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto read = [&]() -> task<result<std::size_t>> {
        std::array<std::byte, 4> buffer;
        co_return co_await with_timeout(pair.server.read_exactly(buffer), 1ms);
      };
      EXPECT_EQ((co_await shield(read())).error(), std::errc::timed_out);
    });
    children.request_stop();
    co_return;
  });
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_file_that_must_not_stay) {
  const temporary_directory place;
  directory root = (co_await shield(directory::open(place.path()))).value();
  if (auto made = co_await root.open_beneath("file", O_RDWR | O_CREAT | O_EXCL, 0600)) {
    (void)co_await made->write_at(bytes_of("content"), 0);
    (void)co_await made->sync_data();
    EXPECT_TRUE(co_await shield(made->close()));
    EXPECT_TRUE(co_await shield(root.remove_beneath("file")));
  }
  EXPECT_NE(access(place.path_of("file").c_str(), F_OK), 0);
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, a_farewell_that_must_arrive) {
  tcp_pair pair = co_await shield(connect_pair());
  std::array<std::byte, 3> received{};
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await shield(pair.server.read_exactly(received))).value(), received.size());
    });
    tcp_stream client = std::move(pair.client);
    (void)co_await sleep_for(200us);
    EXPECT_TRUE(co_await shield(client.write_all(bytes_of("bye"))));
  });
  EXPECT_EQ(text_of(received), "bye");
}

}  // namespace
}  // namespace gyre::conformance
