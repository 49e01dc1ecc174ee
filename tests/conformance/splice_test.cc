#include "gyre/io/splice_ops.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include "gyre/fs/file.h"
#include "gyre/io/pipe.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/byte_pattern.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Sends the whole of `from`, from `offset` on, by way of a pipe.
task<std::size_t> send_file(file& from, std::uint64_t offset, tcp_stream& to) {
  pipe between = pipe::create(65536).value();
  to.allow_splice().value();
  std::size_t sent = 0;
  while (true) {
    std::size_t waiting = (co_await op::splice_from_file(from.opened(), offset + sent,
                                                         between.write_end, between.capacity()))
                              .value();
    if (waiting == 0) co_return sent;
    while (waiting > 0) {
      const std::size_t moved =
          (co_await op::splice_to_socket(between.read_end, to.socket(), waiting, true)).value();
      waiting -= moved;
      sent += moved;
    }
  }
}

/// A file of `size` bytes of the pattern, opened.
task<file> make_file(const temporary_directory& place, std::size_t size) {
  std::vector<std::byte> content(size);
  byte_pattern().fill(content);
  place.write("file", content);
  co_return (co_await file::open(place.path_of("file"), O_RDONLY)).value();
}

GYRE_TEST(splice, a_file_arrives_as_it_is) {
  const temporary_directory place;
  const std::size_t size = times(500'001, 100'001);
  file source = co_await make_file(place, size);
  tcp_pair pair = co_await connect_pair();
  pair.client.set_send_buffer(20'000).value();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      EXPECT_EQ(co_await send_file(source, 0, pair.client), size);
      pair.client.shutdown_write().value();
    });
    std::vector<std::byte> received(size);
    EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), size);
    EXPECT_TRUE(byte_pattern().matches(received));
    EXPECT_EQ((co_await pair.server.read_some(received)).value(), 0U);
  });
}

GYRE_TEST(splice, a_part_of_a_file_arrives_from_its_offset_on) {
  const temporary_directory place;
  constexpr std::size_t size = 200'000;
  constexpr std::size_t offset = 123'457;
  file source = co_await make_file(place, size);
  tcp_pair pair = co_await connect_pair();
  EXPECT_EQ(co_await send_file(source, offset, pair.client), size - offset);
  EXPECT_EQ(co_await send_file(source, size, pair.client), 0U);
  EXPECT_EQ(co_await send_file(source, size + 1000, pair.client), 0U);
  std::vector<std::byte> expected(size);
  byte_pattern().fill(expected);
  std::vector<std::byte> received(size - offset);
  EXPECT_EQ((co_await pair.server.read_exactly(received)).value(), received.size());
  EXPECT_TRUE(std::equal(received.begin(), received.end(), expected.begin() + offset));
}

GYRE_TEST(splice, an_offset_beyond_all_files_is_invalid) {
  const temporary_directory place;
  file source = co_await make_file(place, 100);
  pipe between = pipe::create(4096).value();
  for (const std::uint64_t offset : {std::uint64_t{1} << 63, UINT64_MAX}) {
    const auto moved =
        co_await op::splice_from_file(source.opened(), offset, between.write_end, 100);
    EXPECT_EQ(moved.error(), std::errc::invalid_argument) << offset;
  }
}

GYRE_TEST(splice, reads_and_writes_go_on_as_before_on_a_socket_that_was_spliced_to) {
  tcp_pair pair = co_await connect_pair();
  for (const bool on : {true, false}) {
    pair.server.allow_splice(on).value();
    std::array<std::byte, 4> buffer;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn(
          [&]() -> task<> { EXPECT_EQ((co_await pair.server.read_exactly(buffer)).value(), 4U); });
      (void)co_await sleep_for(1ms);
      (co_await pair.client.write_all(bytes_of("data"))).value();
    });
    EXPECT_EQ(text_of(buffer), "data");
    const std::vector<std::byte> much(4 << 20);
    std::vector<std::byte> received(much.size());
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> { (co_await pair.server.write_all(much)).value(); });
      EXPECT_EQ((co_await pair.client.read_exactly(received)).value(), much.size());
    });
  }
}

GYRE_TEST(splice, a_reader_that_never_reads_holds_nobody_else_up) {
  const temporary_directory place;
  file source = co_await make_file(place, 8 << 20);
  tcp_pair idle = co_await connect_pair();
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      std::error_code error;
      try {
        co_await send_file(source, 0, idle.client);
      } catch (const std::system_error& stopped) {
        error = stopped.code();
      }
      EXPECT_EQ(error, std::errc::operation_canceled);
    });
    tcp_pair busy = co_await connect_pair();
    std::array<std::byte, 4> buffer;
    for (int i = 0; i < times(100); ++i) {
      (co_await busy.client.write_all(bytes_of("ping"))).value();
      EXPECT_EQ((co_await busy.server.read_exactly(buffer)).value(), 4U);
    }
    children.request_stop();
  });
}

GYRE_TEST(splice, full_pipes_hold_up_no_splice_to_another) {
  const temporary_directory place;
  file source = co_await make_file(place, 4096);
  std::vector<pipe> full;
  for (int i = 0; i < 8; ++i) {
    full.push_back(pipe::create(4096).value());
    const std::vector<std::byte> content(full.back().capacity());
    require(::write(full.back().write_end.number(), content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
  }
  co_await with_scope([&](scope& children) -> task<> {
    for (pipe& each : full)
      children.spawn([&]() -> task<> {
        (void)co_await op::splice_from_file(source.opened(), 0, each.write_end, 100);
      });
    co_await yield();
    pipe empty = pipe::create(4096).value();
    const auto moved =
        co_await with_timeout(op::splice_from_file(source.opened(), 0, empty.write_end, 100), 10s);
    EXPECT_EQ(moved.value(), 100U);
    children.request_stop();
  });
}

GYRE_TEST(splice, a_splice_to_a_full_socket_stops_and_loses_nothing) {
  const temporary_directory place;
  file source = co_await make_file(place, 8 << 20);
  tcp_pair pair = co_await connect_pair();
  pair.client.allow_splice().value();
  pair.client.set_send_buffer(65536).value();
  pair.server.set_receive_buffer(65536).value();
  pipe between = pipe::create(65536).value();
  std::size_t offset = 0;
  std::size_t waiting = 0;
  int refused = 0;
  while (refused < 5) {
    if (waiting == 0) {
      waiting = (co_await op::splice_from_file(source.opened(), offset, between.write_end,
                                               between.capacity()))
                    .value();
      offset += waiting;
    }
    const auto moved = co_await with_timeout(
        op::splice_to_socket(between.read_end, pair.client.socket(), waiting, false), 1ms);
    if (!moved) require(moved.error() == std::errc::timed_out);
    refused = moved ? 0 : refused + 1;
    waiting -= moved ? *moved : 0;
  }
  pair.client.shutdown_write().value();
  byte_pattern pattern;
  std::vector<std::byte> received(100'000);
  std::size_t total = 0;
  while (const std::size_t got = (co_await pair.server.read_some(received)).value()) {
    require(pattern.matches(std::span(received).first(got)));
    total += got;
  }
  EXPECT_EQ(total + waiting, offset);
}

GYRE_TEST(splice, a_pipe_has_a_capacity_and_holds_it) {
  for (const std::size_t wanted : {std::size_t{1}, std::size_t{4096}, std::size_t{65536}}) {
    pipe made = pipe::create(wanted).value();
    EXPECT_GE(made.capacity(), std::max<std::size_t>(wanted, 4096));
    const std::vector<std::byte> content(made.capacity());
    EXPECT_EQ(::write(made.write_end.number(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
  }
  // Larger than any pipe may be: it is made with what there is, and says so.
  EXPECT_GT(pipe::create(std::size_t{1} << 40).value().capacity(), 0U);
  co_return;
}

GYRE_TEST(splice, a_peer_that_leaves_during_a_splice_ends_nothing_else) {
  // More than the kernel splices in one go: the first part is reset, the next raises SIGPIPE.
  pipe between = pipe::create(1 << 20).value();
  const std::vector<std::byte> content(512 << 10);
  for (int round = 0; round < 5; ++round) {
    tcp_pair pair = co_await connect_pair();
    pair.server.allow_splice().value();
    (co_await pair.client.close()).value();
    const ssize_t filled = ::write(between.write_end.number(), content.data(), content.size());
    require(filled == static_cast<ssize_t>(content.size()));
    std::size_t left = content.size();
    while (left > 0) {
      const auto moved =
          co_await op::splice_to_socket(between.read_end, pair.server.socket(), left, false);
      if (!moved) break;
      left -= *moved;
    }
    between = pipe::create(1 << 20).value();
  }
}

GYRE_TEST(splice, an_empty_pipe_is_an_error_and_no_wait) {
  tcp_pair pair = co_await connect_pair();
  pair.client.allow_splice().value();
  pipe between = pipe::create(65536).value();
  const auto moved =
      co_await op::splice_to_socket(between.read_end, pair.client.socket(), 100, false);
  EXPECT_EQ(moved.error(), std::errc::no_message_available);
}

GYRE_TEST(splice, closing_the_pipe_ends_a_splice_that_waits_for_the_socket) {
  tcp_pair pair = co_await connect_pair();
  pair.client.allow_splice().value();
  fill(pair);
  pipe between = pipe::create(65536).value();
  require(::write(between.write_end.number(), "abc", 3) == 3);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto moved =
          co_await op::splice_to_socket(between.read_end, pair.client.socket(), 3, false);
      EXPECT_EQ(moved.error(), std::errc::operation_canceled);
    });
    co_await yield();
    (co_await between.read_end.close()).value();
  });
}

}  // namespace
}  // namespace gyre::conformance
