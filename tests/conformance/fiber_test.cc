#include "gyre/runtime/fiber.h"

#include <fcntl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/link.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/shield.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"
#include "gyre/tests/conformance/conformance.h"
#include "gyre/tests/conformance/tcp_pair.h"
#include "gyre/tests/conformance/temporary_directory.h"

namespace gyre::conformance {
namespace {

using namespace std::chrono_literals;

/// Sends back what arrives until the other side has said all, in the way of a blocking program.
std::size_t echo(tcp_stream& stream) {
  std::array<std::byte, 512> buffer;
  std::size_t sum = 0;
  while (const std::size_t got = await(stream.read_some(buffer)).value()) {
    await(stream.write_all(std::span(buffer).first(got))).value();
    sum += got;
  }
  return sum;
}

GYRE_TEST(fibers, serve_streams_beside_tasks) {
  tcp_pair pair = co_await connect_pair();
  std::string heard;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(fiber([&] {
      EXPECT_EQ(echo(pair.server), 3'000U);
      EXPECT_TRUE(await(pair.server.close()));
    }));
    children.spawn(fiber([&] {
      std::array<std::byte, 100> answer;
      while (await(pair.client.read_exactly(answer)).value() == answer.size())
        heard += text_of(answer);
    }));
    for (int i = 0; i < 30; ++i) {
      const std::string word(100, static_cast<char>('a' + i % 26));
      (co_await pair.client.write_all(bytes_of(word))).value();
      EXPECT_TRUE(co_await yield());
    }
    pair.client.shutdown_write().value();
  });
  EXPECT_EQ(heard.size(), 3'000U);
  EXPECT_EQ(heard.back(), 'd');
}

GYRE_TEST(fibers, write_and_read_files) {
  const temporary_directory place;
  const auto size = co_await fiber([&]() -> std::size_t {
    directory root = await(directory::open(place.path())).value();
    file made = await(root.open_beneath("file", O_RDWR | O_CREAT, 0600)).value();
    const auto [written, synced] =
        await(link(made.write_at(bytes_of("content"), 0), made.sync_data()));
    EXPECT_TRUE(written);
    EXPECT_TRUE(synced);
    std::array<std::byte, 7> buffer;
    EXPECT_EQ(await(made.read_at(buffer, 0)).value(), 7U);
    EXPECT_EQ(text_of(buffer), "content");
    EXPECT_TRUE(await(made.close()));
    return buffer.size();
  });
  EXPECT_EQ(size, 7U);
}

GYRE_TEST(fibers, lose_no_byte_to_a_deadline) {
  tcp_pair pair = co_await connect_pair();
  co_await fiber([&] {
    std::array<std::byte, 4> buffer;
    EXPECT_EQ(await(with_timeout(pair.server.read_some(buffer), 1ms)).error(),
              std::errc::timed_out);
    await(pair.client.write_all(bytes_of("data"))).value();
    EXPECT_EQ(await(with_timeout(pair.server.read_exactly(buffer), 1h)).value(), 4U);
    EXPECT_EQ(text_of(buffer), "data");
  });
}

GYRE_TEST(fibers, end_what_they_wait_for_when_they_are_stopped) {
  tcp_pair pair = co_await connect_pair();
  const auto read = [&] {
    std::array<std::byte, 4> buffer;
    return await(pair.server.read_some(buffer));
  };
  EXPECT_EQ((co_await with_timeout(fiber(read), 1ms)).error(), std::errc::timed_out);
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(fiber([&] {
      EXPECT_EQ(read().error(), std::errc::operation_canceled);
      EXPECT_EQ(read().error(), std::errc::operation_canceled);
    }));
    co_await yield();
    children.request_stop();
  });
}

GYRE_TEST(fibers, wait_in_handlers_while_others_throw) {
  tcp_pair pair = co_await connect_pair();
  int sum = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 1; i <= 10; ++i)
      children.spawn(fiber([&sum, i] {
        try {
          throw std::runtime_error(std::to_string(i));
        } catch (const std::runtime_error& error) {
          (void)await(sleep_for(std::chrono::microseconds(100 * (i % 3))));
          sum += error.what() == std::to_string(i) ? i : 0;
        }
      }));
    children.spawn(fiber([&] {
      try {
        throw 1;
      } catch (int) {
        std::array<std::byte, 1> byte;
        EXPECT_EQ(await(pair.server.read_some(byte)).value(), 1U);
      }
    }));
    (void)co_await sleep_for(1ms);
    (co_await pair.client.write_all(bytes_of("x"))).value();
  });
  EXPECT_EQ(sum, 55);
}

GYRE_TEST(fibers, are_many) {
  const int fibers = times(500);
  int ended = 0;
  co_await with_scope([&](scope& children) -> task<> {
    for (int i = 0; i < fibers; ++i)
      children.spawn(fiber(
          [&] {
            (void)await(sleep_for(1ms));
            ++ended;
          },
          16 << 10));
    co_return;
  });
  EXPECT_EQ(ended, fibers);
}

GYRE_TEST_THAT_DIES(misuse, awaiting_outside_of_a_fiber, "outside of a fiber") {
  await(yield());
  co_return;
}

GYRE_TEST_STOPPED_ANYWHERE(stopped_anywhere, fibers_that_talk) {
  tcp_pair pair = co_await shield(connect_pair());
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(fiber([&] {
      std::array<std::byte, 5> buffer;
      if (!await(pair.server.read_exactly(buffer))) return;
      try {
        await(pair.server.write_all(buffer)).value();
      } catch (const std::exception&) {
        EXPECT_TRUE(await(shield(pair.server.close())));
        throw;
      }
    }));
    children.spawn(fiber([&] {
      std::array<std::byte, 5> buffer;
      (void)await(pair.client.write_all(bytes_of("hello")));
      (void)await(sleep_for(100us));
      if (await(with_timeout(pair.client.read_exactly(buffer), 1h))) {
        EXPECT_EQ(text_of(buffer), "hello");
      }
    }));
    co_return;
  });
}

}  // namespace
}  // namespace gyre::conformance
