#include "gyre/io/direct_descriptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

sockaddr_in address_of(tcp_listener& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  require(::getsockname(listener.socket().number(), reinterpret_cast<sockaddr*>(&address), &size) ==
          0);
  return address;
}

GYRE_TEST(direct_descriptors, a_file_is_opened_read_and_closed_in_one_link) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  for (int i = 0; i < 3; ++i) {
    auto [opened, got, closed] = co_await link(slot.open(here, path.c_str(), O_RDONLY),
                                               slot.read_at(buffer, 3), slot.close());
    EXPECT_TRUE(opened.has_value());
    EXPECT_EQ(got.value(), 4U);
    EXPECT_EQ(text_of(buffer), "3456");
    closed.value();
    EXPECT_FALSE(slot.is_open());
  }
}

GYRE_TEST(direct_descriptors, operations_work_one_by_one) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  EXPECT_TRUE((co_await slot.open(here, path.c_str(), O_RDONLY)).has_value());
  EXPECT_TRUE(slot.is_open());
  EXPECT_EQ((co_await slot.read_at(buffer, 8)).value(), 2U);
  EXPECT_EQ(text_of(std::span(buffer).first(2)), "89");
  EXPECT_TRUE((co_await slot.close()).has_value());
  EXPECT_EQ((co_await slot.read_at(buffer, 8)).error(), std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await slot.close()).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(direct_descriptors, what_a_cut_link_left_open_can_be_used_and_is_closed_in_the_end) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  auto [opened, got, closed] =
      co_await link(slot.open(here, path.c_str(), O_RDONLY), slot.read_at(buffer, 8), slot.close());
  EXPECT_TRUE(opened.has_value());
  EXPECT_EQ(got.value(), 2U);
  EXPECT_EQ(closed.error(), std::errc::operation_canceled);
  EXPECT_TRUE(slot.is_open());
  EXPECT_EQ((co_await slot.read_at(buffer, 0)).value(), 4U);
}

GYRE_TEST(direct_descriptors, a_hard_link_closes_after_a_short_read) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  auto [opened, got, closed] = co_await hard_link(slot.open(here, path.c_str(), O_RDONLY),
                                                  slot.read_at(buffer, 8), slot.close());
  EXPECT_TRUE(opened.has_value());
  EXPECT_EQ(got.value(), 2U);
  EXPECT_TRUE(closed.has_value());
  EXPECT_FALSE(slot.is_open());
}

GYRE_TEST(direct_descriptors, what_is_not_there_cuts_the_link) {
  descriptor here(AT_FDCWD);
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  auto [opened, got, closed] = co_await link(slot.open(here, "/nothing/there", O_RDONLY),
                                             slot.read_at(buffer, 0), slot.close());
  EXPECT_EQ(opened.error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(got.error(), std::errc::operation_canceled);
  EXPECT_EQ(closed.error(), std::errc::operation_canceled);
  EXPECT_FALSE(slot.is_open());
}

GYRE_TEST(direct_descriptors, a_socket_connects_and_sends_in_one_link) {
  tcp_listener listener = listen_on_loopback();
  const sockaddr_in address = address_of(listener);
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  auto [made, connected, sent] =
      co_await link(slot.socket(AF_INET, SOCK_STREAM),
                    slot.connect(reinterpret_cast<const sockaddr*>(&address), sizeof address),
                    slot.send_all(bytes_of("ping")));
  EXPECT_TRUE(made.has_value());
  EXPECT_TRUE(connected.has_value());
  EXPECT_TRUE(sent.has_value());
  tcp_stream server = (co_await listener.accept()).value();
  EXPECT_EQ((co_await server.read_exactly(buffer)).value(), 4U);
  EXPECT_EQ(text_of(buffer), "ping");

  (co_await server.write_all(bytes_of("pongpo"))).value();
  EXPECT_EQ((co_await slot.recv_exactly(buffer)).value(), 4U);
  EXPECT_EQ((co_await slot.recv(buffer)).value(), 2U);
  EXPECT_TRUE((co_await slot.close()).has_value());
  EXPECT_EQ((co_await server.read_some(buffer)).value(), 0U);
}

GYRE_TEST(direct_descriptors, the_destructor_closes_the_connection) {
  tcp_listener listener = listen_on_loopback();
  const sockaddr_in address = address_of(listener);
  std::array<std::byte, 4> buffer;
  auto slot = std::make_unique<direct_descriptor>();
  auto [made, connected] =
      co_await link(slot->socket(AF_INET, SOCK_STREAM),
                    slot->connect(reinterpret_cast<const sockaddr*>(&address), sizeof address));
  EXPECT_TRUE(made && connected);
  tcp_stream server = (co_await listener.accept()).value();
  slot.reset();
  EXPECT_EQ((co_await server.read_some(buffer)).value(), 0U);
}

GYRE_TEST(direct_descriptors, a_read_stops) {
  tcp_listener listener = listen_on_loopback();
  const sockaddr_in address = address_of(listener);
  std::array<std::byte, 4> buffer;
  for (int turns = 0; turns < 3; ++turns) {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        direct_descriptor slot;
        auto [made, connected, got, closed] =
            co_await link(slot.socket(AF_INET, SOCK_STREAM),
                          slot.connect(reinterpret_cast<const sockaddr*>(&address), sizeof address),
                          slot.recv(buffer), slot.close());
        EXPECT_EQ(got.error(), std::errc::operation_canceled);
        EXPECT_EQ(closed.error(), std::errc::operation_canceled);
      });
      if (turns > 0) co_await yield();
      if (turns > 1) (void)co_await sleep_for(1ms);
      children.request_stop();
    });
  }
}

GYRE_TEST(direct_descriptors, more_than_the_table_holds_work_as_well) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  std::array<std::byte, 4> buffer;
  std::vector<std::unique_ptr<direct_descriptor>> slots;
  for (int i = 0; i < 300; ++i) {
    slots.push_back(std::make_unique<direct_descriptor>());
    auto [opened, got] = co_await link(slots.back()->open(here, path.c_str(), O_RDONLY),
                                       slots.back()->read_at(buffer, 2));
    require(opened && got && text_of(buffer) == "2345");
  }
  EXPECT_FALSE(slots.back()->in_table());
}

/// All places of a ring's table, so that none is left for others.
std::vector<std::unique_ptr<direct_descriptor>> take_table() {
  std::vector<std::unique_ptr<direct_descriptor>> places;
  do places.push_back(std::make_unique<direct_descriptor>());
  while (places.back()->in_table());
  return places;
}

GYRE_TEST(direct_descriptors, a_fifo_that_is_no_part_of_a_table_is_not_read_at_a_position) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string file = place.path_of("file");
  const std::string fifo = place.path_of("fifo");
  require(mkfifo(fifo.c_str(), 0600) == 0);
  descriptor ends(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  require(::write(ends.number(), "unread", 6) == 6);
  const auto places = take_table();
  direct_descriptor& slot = *places.back();
  std::array<std::byte, 4> buffer;
  for (int i = 0; i < 2; ++i) {
    auto [opened, got, closed] = co_await hard_link(slot.open(here, file.c_str(), O_RDONLY),
                                                    slot.read_at(buffer, 3), slot.close());
    require(opened && closed);
    EXPECT_EQ(got.value(), 4U);
    EXPECT_EQ((co_await slot.read_at(buffer, 0)).error(), std::errc::bad_file_descriptor);
    (co_await slot.open(here, fifo.c_str(), O_RDONLY)).value();
    EXPECT_EQ((co_await slot.read_at(buffer, 0)).error(), std::errc::invalid_seek);
    (co_await slot.close()).value();
  }
  std::array<std::byte, 8> left;
  EXPECT_EQ((co_await op::read(ends, left)).value(), 6U);
}

GYRE_TEST_STOPPED_ANYWHERE(direct_descriptors, a_link_that_is_stopped_leaves_no_file_open) {
  const temporary_directory place;
  place.write("file", bytes_of("0123456789"));
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("file");
  tcp_listener listener = listen_on_loopback();
  const sockaddr_in address = address_of(listener);
  std::array<std::byte, 4> buffer;
  direct_descriptor slot;
  auto [opened, got, closed] =
      co_await link(slot.open(here, path.c_str(), O_RDONLY), slot.read_at(buffer, 0), slot.close());
  require(opened && got && closed);
  auto [made, connected, sent, ended] =
      co_await link(slot.socket(AF_INET, SOCK_STREAM),
                    slot.connect(reinterpret_cast<const sockaddr*>(&address), sizeof address),
                    slot.send_all(bytes_of("ping")), slot.close());
  require(made && connected && sent && ended);
}

}  // namespace
}  // namespace gyre::conformance
