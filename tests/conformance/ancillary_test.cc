#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <span>
#include <string_view>
#include <vector>

#include "gyre/io/message_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/socket_ops.h"
#include "gyre/net/unix.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

bool is_same_file(int one, int other) {
  struct stat a = {};
  struct stat b = {};
  require(fstat(one, &a) == 0 && fstat(other, &b) == 0);
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

GYRE_TEST(ancillary, descriptors_are_passed_and_owned) {
  auto ends = unix_stream::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  const std::array passed = {tube.read_end.number(), tube.write_end.number()};
  EXPECT_EQ((co_await ends.first.send(bytes_of("two"), passed)).value(), 3U);
  std::array<std::byte, 8> buffer{};
  const unix_message got = (co_await ends.second.receive(buffer, 2)).value();
  EXPECT_EQ(got.size, 3U);
  EXPECT_FALSE(got.descriptors_lost);
  EXPECT_FALSE(got.credentials.has_value());
  require(got.descriptors.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(is_same_file(got.descriptors[i].number(), passed[i]));
    EXPECT_NE(fcntl(got.descriptors[i].number(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

GYRE_TEST(ancillary, messages_carry_them_too) {
  auto ends = unix_seqpacket::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  const std::array passed = {tube.read_end.number()};
  EXPECT_EQ((co_await ends.first.send(bytes_of(""), passed)).value(), 0U);
  const unix_message got = (co_await ends.second.receive(std::span<std::byte>(), 1)).value();
  EXPECT_EQ(got.length, 0U);
  EXPECT_EQ(got.descriptors.size(), 1U);
}

// All is there when the reader goes on, which no further event tells.
GYRE_TEST(ancillary, a_read_is_short_where_descriptors_came_and_more_is_there) {
  auto ends = unix_stream::pair().value();
  const std::array passed = {ends.first.socket().number()};
  std::array<std::byte, 8> buffer{};
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await ends.second.read_some(buffer)).value(), 3U);
      EXPECT_EQ((co_await with_timeout(ends.second.read_some(buffer), 10s)).value(), 4U);
    });
    (void)co_await sleep_for(1ms);
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof passed)> control;
    op::write_ancillary(control, SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span(passed)));
    for (const std::string_view text : {"two", "more"}) {
      iovec part = {const_cast<char*>(text.data()), text.size()};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      if (text == "two") {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
      }
      EXPECT_EQ(::sendmsg(ends.first.socket().number(), &message, 0),
                static_cast<ssize_t>(text.size()));
    }
  });
}

// That nothing leaks is what is looked at after each test.
GYRE_TEST(ancillary, more_descriptors_than_wanted_are_closed_and_reported) {
  auto ends = unix_stream::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  const std::vector<int> passed(20, tube.read_end.number());
  for (const std::size_t most : {0U, 1U, 2U, 3U, 19U}) {
    (co_await ends.first.send(bytes_of("x"), passed)).value();
    std::array<std::byte, 8> buffer{};
    const unix_message got = (co_await ends.second.receive(buffer, most)).value();
    EXPECT_EQ(got.descriptors.size(), most);
    EXPECT_TRUE(got.descriptors_lost);
  }
}

GYRE_TEST(ancillary, what_nobody_receives_is_closed) {
  auto ends = unix_stream::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  const std::array passed = {tube.write_end.number()};
  (co_await ends.first.send(bytes_of("plain"), passed)).value();
  (co_await ends.first.send(bytes_of("never"), passed)).value();
  std::array<std::byte, 5> buffer{};
  EXPECT_EQ((co_await ends.second.read_some(buffer)).value(), 5U);
}

GYRE_TEST(ancillary, as_many_as_the_kernel_takes_and_no_more) {
  auto ends = unix_stream::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  std::vector<int> passed(passed_descriptors_max, tube.read_end.number());
  (co_await ends.first.send(bytes_of("x"), passed)).value();
  std::array<std::byte, 8> buffer{};
  const unix_message got = (co_await ends.second.receive(buffer, 1000)).value();
  EXPECT_EQ(got.descriptors.size(), passed_descriptors_max);
  EXPECT_FALSE(got.descriptors_lost);
  passed.push_back(tube.read_end.number());
  EXPECT_EQ((co_await ends.first.send(bytes_of("x"), passed)).error(), std::errc::invalid_argument);
  const std::array closed = {-1};
  EXPECT_EQ((co_await ends.first.send(bytes_of("x"), closed)).error(),
            std::errc::bad_file_descriptor);
  EXPECT_EQ((co_await ends.first.send(bytes_of(""), closed)).error(), std::errc::invalid_argument);
}

GYRE_TEST(ancillary, credentials_are_those_of_the_sender) {
  auto ends = unix_datagram::pair().value();
  EXPECT_EQ(ends.first.peer_credentials().value().process, getpid());
  ends.second.set_pass_credentials(true).value();
  auto tube = gyre::pipe::create(4096).value();
  const std::array passed = {tube.read_end.number()};
  (co_await ends.first.send(bytes_of("me"), passed)).value();
  std::array<std::byte, 8> buffer{};
  const unix_message got = (co_await ends.second.receive(buffer, 1)).value();
  require(got.credentials.has_value());
  EXPECT_EQ(got.credentials->process, getpid());
  EXPECT_EQ(got.credentials->user, getuid());
  EXPECT_EQ(got.credentials->group, getgid());
  EXPECT_EQ(got.descriptors.size(), 1U);
}

GYRE_TEST_STOPPED_ANYWHERE(ancillary, a_stop_leaks_no_descriptor) {
  auto ends = unix_stream::pair().value();
  auto tube = gyre::pipe::create(4096).value();
  const std::array passed = {tube.read_end.number()};
  std::array<std::byte, 8> buffer{};
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> { (void)co_await ends.second.receive(buffer, 1); });
    co_await yield();
    (void)co_await ends.first.send(bytes_of("x"), passed);
  });
}

GYRE_TEST(ancillary, a_pidfd_that_nobody_asked_for_is_closed) {
  constexpr int pass_pidfd = 76;  // SO_PASSPIDFD of Linux 6.5
  auto ends = unix_seqpacket::pair().value();
  const int on = 1;
  const int fd = ends.second.socket().number();
  if (setsockopt(fd, SOL_SOCKET, pass_pidfd, &on, sizeof on) != 0) co_return;  // nothing to close
  const std::array passed = {ends.first.socket().number()};
  std::array<std::byte, 8> buffer{};
  for (const std::size_t most : {0U, 1U, 8U}) {
    EXPECT_EQ((co_await ends.first.send(bytes_of("one"), passed)).value(), 3U);
    const unix_message got = (co_await ends.second.receive(buffer, most)).value();
    EXPECT_EQ(got.size, 3U);
    EXPECT_LE(got.descriptors.size(), most);
  }
}

// A stream gives no more than is there on any backend, though MSG_WAITALL asks for it.
GYRE_TEST(ancillary, a_message_is_received_as_it_comes) {
  auto ends = unix_stream::pair().value();
  std::array<std::byte, 8> buffer{};
  for (const int flags : {0, int{MSG_WAITALL}, int{MSG_DONTWAIT}}) {
    event received;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        op::receive_message receiving(ends.second.socket(), buffer, {}, flags);
        EXPECT_EQ((co_await receiving).value(), 4U);
        received.set();
      });
      co_await yield();
      EXPECT_EQ((co_await ends.first.send(bytes_of("part"), {})).value(), 4U);
      EXPECT_TRUE((co_await with_timeout(received.wait(), 10s)).has_value());
    });
  }
}

GYRE_TEST(ancillary, a_link_goes_on_after_a_message_that_is_not_all) {
  auto ends = unix_stream::pair().value();
  std::array<std::byte, 8> buffer{};
  EXPECT_EQ((co_await ends.first.send(bytes_of("part"), {})).value(), 4U);
  const auto ended =
      co_await with_timeout(link(op::receive_message(ends.second.socket(), buffer, {}, MSG_WAITALL),
                                 op::send_all(ends.second.socket(), bytes_of("answer"))),
                            10s);
  const auto& [got, sent] = ended.value();
  EXPECT_EQ(got.value(), 4U);
  EXPECT_TRUE(sent.has_value());
}

}  // namespace
}  // namespace gyre::conformance
