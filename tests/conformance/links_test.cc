#include "gyre/runtime/link.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// An open file that holds ten digits.
class ten_digits {
 public:
  static task<ten_digits> create(const temporary_directory& place) {
    place.write("digits", bytes_of("0123456789"));
    co_return ten_digits((co_await file::open(place.path_of("digits"), O_RDONLY)).value());
  }
  file digits;

 private:
  explicit ten_digits(file opened) noexcept : digits(std::move(opened)) {}
};

GYRE_TEST(links, each_begins_when_the_one_before_has_succeeded) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> there;
  std::array<std::byte, 4> back;
  // The second would wait for ever if it were not for the first, and so would the last.
  auto [sent, got, answered, received] =
      co_await link(pair.client.write_all(bytes_of("ping")), pair.server.read_exactly(there),
                    pair.server.write_all(bytes_of("pong")), pair.client.read_exactly(back));
  EXPECT_TRUE(sent.has_value());
  EXPECT_EQ(got.value(), 4U);
  EXPECT_TRUE(answered.has_value());
  EXPECT_EQ(received.value(), 4U);
  EXPECT_EQ(text_of(there), "ping");
  EXPECT_EQ(text_of(back), "pong");
}

GYRE_TEST(links, a_link_of_one_is_that_one) {
  tcp_pair pair = co_await connect_pair();
  auto [sent] = co_await link(pair.client.write_all(bytes_of("x")));
  EXPECT_TRUE(sent.has_value());
  std::array<std::byte, 4> buffer;
  auto [got] = co_await hard_link(pair.server.read_some(buffer));
  EXPECT_EQ(got.value(), 1U);
}

GYRE_TEST(links, results_have_the_types_of_their_operations) {
  const temporary_directory place;
  place.write("file", bytes_of("x"));
  descriptor here(AT_FDCWD);
  pipe whole = pipe::create(4096).value();
  const std::string path = place.path_of("file");
  auto [opened, events] =
      co_await link(op::openat2(here, path.c_str(), O_RDONLY | O_NONBLOCK, 0, 0),
                    op::poll(whole.write_end, POLLOUT));
  const descriptor& file = opened.value();
  EXPECT_TRUE(file.is_open());
  EXPECT_EQ(events.value(), POLLOUT);
}

GYRE_TEST(links, a_failure_cuts_a_link) {
  const temporary_directory place;
  tcp_pair pair = co_await connect_pair();
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("none");
  std::array<std::byte, 20> buffer;
  auto [first, opened, second, third] =
      co_await link(pair.client.write_all(bytes_of("first")),
                    op::openat2(here, path.c_str(), O_RDONLY | O_NONBLOCK, 0, 0),
                    pair.client.write_all(bytes_of("second")), pair.server.read_some(buffer));
  EXPECT_TRUE(first.has_value());
  EXPECT_EQ(opened.error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(second.error(), std::errc::operation_canceled);
  EXPECT_EQ(third.error(), std::errc::operation_canceled);
  pair.client.shutdown_write().value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 5U);
}

GYRE_TEST(links, a_hard_link_goes_on_after_a_failure) {
  const temporary_directory place;
  tcp_pair pair = co_await connect_pair();
  descriptor here(AT_FDCWD);
  const std::string path = place.path_of("none");
  auto [opened, sent] =
      co_await hard_link(op::openat2(here, path.c_str(), O_RDONLY | O_NONBLOCK, 0, 0),
                         pair.client.write_all(bytes_of("all the same")));
  EXPECT_EQ(opened.error(), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(sent.has_value());
}

GYRE_TEST(links, a_whole_transfer_that_falls_short_cuts_a_link) {
  const temporary_directory place;
  ten_digits of = co_await ten_digits::create(place);
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 8> buffer;
  std::array<std::byte, 8> more;
  auto [all, some, none] = co_await link(of.digits.read_at(buffer, 0), of.digits.read_at(buffer, 7),
                                         of.digits.read_at(more, 0));
  EXPECT_EQ(all.value(), 8U);
  EXPECT_EQ(some.value(), 3U);
  EXPECT_EQ(text_of(std::span(buffer).first(3)), "789");
  EXPECT_EQ(none.error(), std::errc::operation_canceled);

  pair.server.shutdown_write().value();
  auto [ended, after] = co_await link(pair.client.read_exactly(buffer), of.digits.read_at(more, 0));
  EXPECT_EQ(ended.value(), 0U);
  EXPECT_EQ(after.error(), std::errc::operation_canceled);
}

GYRE_TEST(links, a_hard_link_goes_on_after_a_short_transfer) {
  const temporary_directory place;
  ten_digits of = co_await ten_digits::create(place);
  std::array<std::byte, 8> buffer;
  std::array<std::byte, 4> more;
  auto [some, ended, all] = co_await hard_link(
      of.digits.read_at(buffer, 7), of.digits.read_at(buffer, 20), of.digits.read_at(more, 0));
  EXPECT_EQ(some.value(), 3U);
  EXPECT_EQ(ended.value(), 0U);
  EXPECT_EQ(all.value(), 4U);
  EXPECT_EQ(text_of(more), "0123");
}

GYRE_TEST(links, what_promises_one_byte_succeeds_with_any_number) {
  tcp_pair pair = co_await connect_pair();
  pipe through = pipe::create(4096).value();
  EXPECT_EQ(::write(through.write_end.number(), "abc", 3), 3);
  std::array<std::byte, 100> buffer;
  (co_await pair.client.write_all(bytes_of("de"))).value();
  pair.client.shutdown_write().value();
  // The kernel would cut a link here: to it a read is short that does not fill the buffer.
  auto [from_pipe, received, end, sent] =
      co_await link(op::read(through.read_end, buffer), pair.server.read_some(buffer),
                    pair.server.read_some(buffer), pair.server.write_some(bytes_of("got it")));
  EXPECT_EQ(from_pipe.value(), 3U);
  EXPECT_EQ(received.value(), 2U);
  EXPECT_EQ(end.value(), 0U);
  EXPECT_EQ(sent.value(), 6U);
}

GYRE_TEST(links, system_calls_and_submissions_can_be_linked) {
  const temporary_directory place;
  ten_digits of = co_await ten_digits::create(place);
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  auto [read, status, sent] = co_await link(
      of.digits.read_at(buffer, 2), op::fstat(of.digits.opened()), pair.client.write_all(buffer));
  EXPECT_EQ(read.value(), 4U);
  EXPECT_EQ(status.value().stx_size, 10U);
  EXPECT_TRUE(sent.has_value());
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
  EXPECT_EQ(text_of(buffer), "2345");
}

GYRE_TEST(links, a_transfer_larger_than_the_socket_takes_is_whole) {
  tcp_pair pair = co_await connect_pair();
  const std::vector<std::byte> much(4 << 20, std::byte{7});
  std::vector<std::byte> received(much.size() + 1);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      auto [sent, last] =
          co_await link(pair.client.write_all(much), pair.client.write_all(bytes_of("!")));
      EXPECT_TRUE(sent.has_value());
      EXPECT_TRUE(last.has_value());
    });
    EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), received.size());
  });
  EXPECT_EQ(received.back(), std::byte{'!'});
}

GYRE_TEST(links, many_links_run_at_once) {
  const temporary_directory place;
  ten_digits of = co_await ten_digits::create(place);
  const int links = times(300);
  int good = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < links; ++i)
      children.spawn([&]() -> task<> {
        std::array<std::byte, 3> first;
        std::array<std::byte, 3> last;
        auto [begun, short_one, never] = co_await link(
            of.digits.read_at(first, 1), of.digits.read_at(last, 8), of.digits.read_at(first, 5));
        good += begun && short_one && *short_one == 2 && text_of(first) == "123" &&
                never.error() == std::errc::operation_canceled;
      });
    co_return;
  });
  EXPECT_EQ(good, links);
}

/// Runs `body()`, which waits, and asks it to stop: at once, when it waits, and when the kernel
/// has it.
template <class Body>
task<> stop_at_every_moment(Body body) {
  for (int turns = 0; turns < 3; ++turns) {
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> { co_await body(); });
      if (turns > 0) co_await yield();
      if (turns > 1) (void)co_await sleep_for(1ms);
      children.request_stop();
    });
  }
}

GYRE_TEST(links, a_stop_ends_all_of_a_link) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  co_await stop_at_every_moment([&]() -> task<> {
    auto [got, sent, more] =
        co_await link(pair.server.read_some(buffer), pair.server.write_all(bytes_of("never sent")),
                      pair.client.read_some(buffer));
    EXPECT_EQ(got.error(), std::errc::operation_canceled);
    EXPECT_EQ(sent.error(), std::errc::operation_canceled);
    EXPECT_EQ(more.error(), std::errc::operation_canceled);
  });
  pair.server.shutdown_write().value();
  EXPECT_EQ((co_await pair.client.read_some(buffer)).value(), 0U);
}

GYRE_TEST(links, a_stop_ends_all_of_a_hard_link) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  std::array<std::byte, 4> more;
  co_await stop_at_every_moment([&]() -> task<> {
    auto [first, second, third] =
        co_await hard_link(pair.server.read_some(buffer), pair.client.read_some(buffer),
                           pair.server.read_exactly(more));
    EXPECT_EQ(first.error(), std::errc::operation_canceled);
    EXPECT_EQ(second.error(), std::errc::operation_canceled);
    EXPECT_EQ(third.error(), std::errc::operation_canceled);
  });
  (co_await pair.client.write_all(bytes_of("good"))).value();
  EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
}

GYRE_TEST(links, what_came_before_the_stop_is_delivered) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      auto [sent, answered, after] =
          co_await link(pair.client.write_all(bytes_of("sent")), pair.client.read_some(buffer),
                        pair.client.write_all(bytes_of("not")));
      EXPECT_TRUE(sent.has_value());
      EXPECT_EQ(answered.error(), std::errc::operation_canceled);
      EXPECT_EQ(after.error(), std::errc::operation_canceled);
    });
    EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U);
    (void)co_await sleep_for(1ms);
    children.request_stop();
  });
}

GYRE_TEST(links, a_deadline_ends_a_link) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  auto all = co_await with_timeout(
      link(pair.client.write_all(bytes_of("x")), pair.client.read_some(buffer)), 1ms);
  auto& [sent, got] = all.value();
  EXPECT_TRUE(sent.has_value());
  EXPECT_EQ(got.error(), std::errc::operation_canceled);
}

GYRE_TEST(links, closing_a_descriptor_ends_a_link_that_has_yet_to_come_to_it) {
  tcp_pair waiting = co_await connect_pair();
  tcp_pair closed = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  for (const bool hard : {false, true}) {
    if (hard) closed = co_await connect_pair();
    bool ended = false;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        using results = std::tuple<result<std::size_t>, result<void>>;
        results both(0, result<void>());
        if (hard)
          both = co_await hard_link(waiting.server.read_some(buffer),
                                    closed.client.write_all(bytes_of("x")));
        else
          both = co_await link(waiting.server.read_some(buffer),
                               closed.client.write_all(bytes_of("x")));
        EXPECT_EQ(std::get<0>(both).error(), std::errc::operation_canceled);
        // The kernel goes on with a hard link, to what does not wait.
        EXPECT_TRUE(hard || std::get<1>(both).error() == std::errc::operation_canceled);
        ended = true;
      });
      (void)co_await sleep_for(1ms);
      EXPECT_TRUE((co_await closed.client.close()).has_value());
      (void)co_await sleep_for(1ms);
      EXPECT_TRUE(ended);
    });
  }
}

GYRE_TEST(links, closing_the_descriptor_that_is_waited_for_ends_a_link) {
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      auto [got, sent] =
          co_await link(pair.server.read_some(buffer), pair.client.write_all(bytes_of("not sent")));
      EXPECT_EQ(got.error(), std::errc::operation_canceled);
      EXPECT_EQ(sent.error(), std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    EXPECT_TRUE((co_await pair.server.close()).has_value());
  });
}

GYRE_TEST(links, a_closed_descriptor_is_refused_at_its_turn) {
  tcp_pair open = co_await connect_pair();
  tcp_pair closed = co_await connect_pair();
  (co_await closed.client.close()).value();
  std::array<std::byte, 1> buffer;
  auto [sent, refused, never] =
      co_await link(open.client.write_all(bytes_of("x")), closed.client.read_some(buffer),
                    open.server.read_some(buffer));
  EXPECT_TRUE(sent.has_value());
  EXPECT_EQ(refused.error(), std::errc::bad_file_descriptor);
  EXPECT_EQ(never.error(), std::errc::operation_canceled);
}

GYRE_TEST_STOPPED_ANYWHERE(links, an_accept_that_is_stopped_with_its_link_loses_no_connection) {
  tcp_listener listener = listen_on_loopback();
  auto client = (co_await tcp_stream::connect(listener.local().value())).value();
  auto [sent, accepted, resent] =
      co_await link(client.write_all(bytes_of("data")), op::accept(listener.socket()),
                    client.write_all(bytes_of("more")));
  require(sent && accepted && resent);
}

GYRE_TEST_STOPPED_ANYWHERE(links, a_link_of_files_and_sockets_leaves_nothing) {
  const temporary_directory place;
  place.write("file", bytes_of("0123"));
  descriptor here(AT_FDCWD);
  tcp_pair pair = co_await connect_pair();
  std::array<std::byte, 4> buffer;
  const std::string path = place.path_of("file");
  auto [opened, sent, got] =
      co_await link(op::openat2(here, path.c_str(), O_RDONLY | O_NONBLOCK, 0, 0),
                    pair.client.write_all(bytes_of("data")), pair.server.read_exactly(buffer));
  auto [reopened, resent, gotten] =
      co_await hard_link(op::openat2(here, path.c_str(), O_RDONLY | O_NONBLOCK, 0, 0),
                         pair.client.write_all(bytes_of("data")), pair.server.read_exactly(buffer));
  require(got && gotten && opened && reopened && sent && resent);
}

}  // namespace
}  // namespace gyre::conformance
