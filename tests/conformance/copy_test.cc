#include "gyre/io/copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t size = 1'000'001;

std::vector<std::byte> make_content() {
  std::vector<std::byte> content(size);
  byte_pattern().fill(content);
  return content;
}

descriptor open_at(const temporary_directory& place, std::string_view name, int flags) {
  descriptor opened(open(place.path_of(name).c_str(), flags | O_CLOEXEC, 0600));
  require(opened.is_open());
  return opened;
}

/// A file of the pattern.
descriptor make_source(const temporary_directory& place) {
  place.write("source", make_content());
  return open_at(place, "source", O_RDONLY);
}

descriptor make_sink(const temporary_directory& place) {
  return open_at(place, "sink", O_CREAT | O_RDWR);
}

task<std::vector<std::byte>> content_of(descriptor& file) {
  std::vector<std::byte> content(2 * size);
  content.resize((co_await op::read_at(file, content, 0)).value());
  co_return content;
}

GYRE_TEST(copy, a_file_becomes_another_one) {
  const temporary_directory place;
  descriptor source = make_source(place);
  descriptor sink = make_sink(place);
  EXPECT_EQ((co_await copy(source, sink)).value(), size);
  EXPECT_TRUE(co_await content_of(sink) == make_content());
}

GYRE_TEST(copy, a_part_of_a_file_goes_where_it_was_told_to) {
  const temporary_directory place;
  descriptor source = make_source(place);
  descriptor sink = make_sink(place);
  copy_options options;
  options.source_offset = 500'000;
  options.sink_offset = 100;
  options.length = 70'000;
  EXPECT_EQ((co_await copy(source, sink, options)).value(), 70'000U);
  const auto content = co_await content_of(sink);
  const auto expected = make_content();
  require(content.size() == 70'100U);
  EXPECT_TRUE(std::equal(content.begin() + 100, content.end(), expected.begin() + 500'000));
  options.source_offset = size - 10;
  EXPECT_EQ((co_await copy(source, sink, options)).value(), 10U);
  options.source_offset = size + 10;
  EXPECT_EQ((co_await copy(source, sink, options)).value(), 0U);
}

GYRE_TEST(copy, files_of_different_file_systems_are_copied) {
  const temporary_directory place;
  descriptor source = make_source(place);
  descriptor sink(memfd_create("sink", MFD_CLOEXEC));
  require(sink.is_open());
  EXPECT_EQ((co_await copy(source, sink)).value(), size);
  EXPECT_TRUE(co_await content_of(sink) == make_content());
}

GYRE_TEST(copy, a_file_that_has_no_size_is_copied) {
  const temporary_directory place;
  descriptor source(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  descriptor sink = make_sink(place);
  EXPECT_GT((co_await copy(source, sink)).value(), 100U);
  const auto content = co_await content_of(sink);
  EXPECT_TRUE(text_of(content).starts_with("Name:"));
}

GYRE_TEST(copy, a_file_that_cannot_be_spliced_arrives_over_a_socket) {
  descriptor source(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  tcp_pair pair = co_await connect_pair();
  const std::uint64_t copied = (co_await copy(source, pair.client.socket())).value();
  std::vector<std::byte> received(copied);
  EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), copied);
  EXPECT_TRUE(text_of(received).starts_with("Name:"));
}

GYRE_TEST(copy, a_part_of_a_file_that_overlaps_with_itself_is_refused) {
  const temporary_directory place;
  place.write("source", make_content());
  descriptor file = open_at(place, "source", O_RDWR);
  copy_options options;
  options.length = 1000;
  options.sink_offset = 999;
  EXPECT_EQ((co_await copy(file, file, options)).error(), std::errc::invalid_argument);
  options.sink_offset = 1000;
  EXPECT_EQ((co_await copy(file, file, options)).value(), 1000U);
}

GYRE_TEST(copy, a_file_is_copied_to_its_own_end_once) {
  const temporary_directory place;
  place.write("file", bytes_of("twice"));
  descriptor file = open_at(place, "file", O_RDWR);
  copy_options options;
  options.sink_offset = 5;
  EXPECT_EQ((co_await copy(file, file, options)).value(), 5U);
  EXPECT_EQ(text_of(co_await content_of(file)), "twicetwice");
}

GYRE_TEST(copy, a_file_that_cannot_be_spliced_to_is_written) {
  descriptor target(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  if (!target.is_open()) co_return;  // of a process that may not be looked into
  std::array<std::byte, 16> score;
  const ssize_t length = ::pread(target.number(), score.data(), score.size(), 0);
  require(length > 0);
  const temporary_directory place;
  place.write("score", std::span(score).first(static_cast<std::size_t>(length)));
  descriptor source = open_at(place, "score", O_RDONLY);
  EXPECT_EQ((co_await copy(source, target)).value(), static_cast<std::uint64_t>(length));
}

GYRE_TEST(copy, what_can_not_be_copied_is_refused) {
  const temporary_directory place;
  descriptor source = make_source(place);
  descriptor sink = make_sink(place);
  descriptor directory(open(place.path().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ((co_await copy(directory, sink)).error(), std::errc::operation_not_supported);
  EXPECT_EQ((co_await copy(source, directory)).error(), std::errc::operation_not_supported);
  descriptor appended = open_at(place, "sink", O_WRONLY | O_APPEND);
  EXPECT_EQ((co_await copy(source, appended)).error(), std::errc::invalid_argument);
  EXPECT_EQ((co_await copy(sink, source)).error(), std::errc::bad_file_descriptor);
  descriptor closed;
  EXPECT_EQ((co_await copy(source, closed)).error(), std::errc::bad_file_descriptor);
}

GYRE_TEST(copy, a_file_arrives_over_a_socket) {
  const temporary_directory place;
  descriptor source = make_source(place);
  tcp_pair pair = co_await connect_pair();
  const int flags = fcntl(pair.client.socket().number(), F_GETFL);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(source, pair.client.socket())).value(), size);
      pair.client.shutdown_write().value();
    });
    std::vector<std::byte> received(size + 1);
    EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), size);
    EXPECT_TRUE(byte_pattern().matches(std::span(received).first(size)));
  });
  EXPECT_EQ(fcntl(pair.client.socket().number(), F_GETFL), flags);
}

GYRE_TEST(copy, what_a_socket_gets_becomes_a_file) {
  const temporary_directory place;
  descriptor sink = make_sink(place);
  tcp_pair pair = co_await connect_pair();
  const auto content = make_content();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      (co_await pair.client.write_all(content)).value();
      pair.client.shutdown_write().value();
    });
    EXPECT_EQ((co_await copy(pair.server.socket(), sink)).value(), size);
  });
  EXPECT_TRUE(co_await content_of(sink) == content);
}

GYRE_TEST(copy, no_more_is_taken_from_a_stream_than_was_asked_for) {
  const temporary_directory place;
  descriptor sink = make_sink(place);
  tcp_pair pair = co_await connect_pair();
  (co_await pair.client.write_all(bytes_of("copied and left"))).value();
  copy_options options;
  options.length = 6;
  EXPECT_EQ((co_await copy(pair.server.socket(), sink, options)).value(), 6U);
  EXPECT_EQ(text_of(co_await content_of(sink)), "copied");
  std::vector<std::byte> rest(9);
  EXPECT_EQ((co_await pair.server.read_exactly(rest)).value(), 9U);
  EXPECT_EQ(text_of(rest), " and left");
}

// Whoever is connected can send such a byte.
GYRE_TEST(copy, an_urgent_byte_is_left_out_and_ends_nothing) {
  for (const bool end_is_known : {true, false}) {
    const temporary_directory place;
    descriptor sink = make_sink(place);
    tcp_pair pair = co_await connect_pair();
    (co_await pair.client.write_all(bytes_of("before "))).value();
    EXPECT_EQ(::send(pair.client.socket().number(), "!", 1, MSG_OOB), 1);
    (co_await pair.client.write_all(bytes_of("and after"))).value();
    if (end_is_known) pair.client.shutdown_write().value();
    copy_options options;
    if (!end_is_known) options.length = 16;
    const auto copied = co_await with_timeout(copy(pair.server.socket(), sink, options), 10s);
    EXPECT_EQ(copied.value(), 16U);
    EXPECT_EQ(text_of(co_await content_of(sink)), "before and after");
  }
}

GYRE_TEST(copy, sockets_are_joined_in_both_directions) {
  tcp_pair left = co_await connect_pair();
  tcp_pair right = co_await connect_pair();
  const auto content = make_content();
  co_await with_scope([&](scope& children) -> task<> {
    const auto forward = [](tcp_stream& from, tcp_stream& to) -> task<> {
      EXPECT_EQ((co_await copy(from.socket(), to.socket())).value(), size);
      to.shutdown_write().value();
    };
    const auto send = [](tcp_stream& to, std::span<const std::byte> all) -> task<> {
      (co_await to.write_all(all)).value();
      to.shutdown_write().value();
    };
    const auto receive = [](tcp_stream& from) -> task<> {
      std::vector<std::byte> received(size + 1);
      EXPECT_EQ((co_await from.read_exactly(received)).value(), size);
      EXPECT_TRUE(byte_pattern().matches(std::span(received).first(size)));
    };
    children.spawn(forward(left.server, right.client));
    children.spawn(forward(right.client, left.server));
    children.spawn(send(left.client, content));
    children.spawn(send(right.server, content));
    children.spawn(receive(left.client));
    children.spawn(receive(right.server));
    co_return;
  });
}

GYRE_TEST(copy, a_pipe_is_copied_until_nobody_writes_to_it) {
  const temporary_directory place;
  descriptor sink = make_sink(place);
  pipe source = pipe::create(65536).value();
  require(::write(source.write_end.number(), "from a pipe", 11) == 11);
  (co_await source.write_end.close()).value();
  EXPECT_EQ((co_await copy(source.read_end, sink)).value(), 11U);
  EXPECT_EQ(text_of(co_await content_of(sink)), "from a pipe");
}

GYRE_TEST(copy, a_peer_that_does_not_read_is_waited_for_until_a_stop) {
  const temporary_directory place;
  descriptor big = make_sink(place);
  require(ftruncate(big.number(), 64 << 20) == 0);
  tcp_pair pair = co_await connect_pair();
  EXPECT_EQ((co_await with_timeout(copy(big, pair.client.socket()), 20ms)).error(),
            std::errc::timed_out);
}

GYRE_TEST(copy, a_peer_that_sends_nothing_is_waited_for_until_a_stop) {
  tcp_pair from = co_await connect_pair();
  tcp_pair to = co_await connect_pair();
  EXPECT_EQ((co_await with_timeout(copy(from.server.socket(), to.client.socket()), 2ms)).error(),
            std::errc::timed_out);
}

GYRE_TEST(copy, a_peer_that_leaves_is_an_error) {
  const temporary_directory place;
  descriptor big = make_sink(place);
  require(ftruncate(big.number(), 64 << 20) == 0);
  tcp_pair pair = co_await connect_pair();
  (co_await pair.server.close()).value();
  const auto copied = co_await copy(big, pair.client.socket());
  EXPECT_TRUE(copied.error() == std::errc::broken_pipe ||
              copied.error() == std::errc::connection_reset);
}

GYRE_TEST(copy, closing_the_source_ends_it) {
  tcp_pair from = co_await connect_pair();
  tcp_pair to = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ((co_await copy(from.server.socket(), to.client.socket())).error(),
                std::errc::operation_canceled);
    });
    (void)co_await sleep_for(1ms);
    (co_await from.server.close()).value();
  });
}

GYRE_TEST_STOPPED_ANYWHERE(copy, a_stop_leaves_nothing) {
  const temporary_directory place;
  place.write("source", bytes_of("a few bytes"));
  descriptor source = open_at(place, "source", O_RDONLY);
  tcp_pair pair = co_await connect_pair();
  (void)co_await copy(source, pair.client.socket());
}

}  // namespace
}  // namespace gyre::conformance
