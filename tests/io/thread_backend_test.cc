#include "gyre/io/thread_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

// What a bounded number of threads may not lead to.
namespace gyre {
namespace {

using namespace std::chrono_literals;

void run(task<> test) {
  loop home(thread_backend::create(thread_options()).value());
  run_on(home, std::move(test));
  EXPECT_EQ(home.kernel().counters().submitted, home.kernel().counters().completed);
}

void put(descriptor& to, std::string_view text) {
  EXPECT_EQ(::write(to.number(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

/// Reads one byte and appends it to `text`.
task<> read_one(descriptor& from, std::string& text) {
  std::byte one{};
  const auto got = co_await op::read(from, std::span(&one, 1));
  if (got && *got == 1) text.push_back(static_cast<char>(one));
}

TEST(thread_backend, waits_for_many_more_descriptors_than_it_has_threads) {
  run([]() -> task<> {
    std::vector<pipe> pipes;
    for (int i = 0; i < 100; ++i) pipes.push_back(pipe::create(4096).value());
    std::string text;
    co_await with_scope([&](scope& children) -> task<> {
      for (pipe& each : pipes) children.spawn(read_one(each.read_end, text));
      (co_await sleep_for(1ms)).value();
      descriptor here(AT_FDCWD);
      (void)(co_await op::openat2(here, "/dev/null", O_RDONLY, 0, 0)).value();
      EXPECT_EQ(text, "");
      for (pipe& each : pipes) put(each.write_end, "x");
    });
    EXPECT_EQ(text, std::string(100, 'x'));
  }());
}

TEST(thread_backend, keeps_the_order_of_what_reads_one_descriptor) {
  run([]() -> task<> {
    std::string sent;
    for (int i = 0; i < 200; ++i) sent.push_back(static_cast<char>('!' + i % 90));
    for (const bool at_once : {false, true}) {
      pipe both = pipe::create(4096).value();
      if (at_once) put(both.write_end, sent);
      std::string text;
      co_await with_scope([&](scope& children) -> task<> {
        for (std::size_t i = 0; i < sent.size(); ++i) children.spawn(read_one(both.read_end, text));
        (co_await sleep_for(1ms)).value();
        if (!at_once) put(both.write_end, sent);
      });
      EXPECT_EQ(text, sent);
    }
  }());
}

TEST(thread_backend, lets_those_behind_go_on_when_the_first_is_stopped) {
  run([]() -> task<> {
    pipe both = pipe::create(4096).value();
    std::string none;
    std::string text;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        co_await with_scope([&](scope& first) -> task<> {
          first.spawn(read_one(both.read_end, none));
          (co_await sleep_for(1ms)).value();
          first.request_stop();
        });
      });
      co_await yield();
      for (int i = 0; i < 3; ++i) children.spawn(read_one(both.read_end, text));
      (co_await sleep_for(5ms)).value();
      put(both.write_end, "abc");
    });
    EXPECT_EQ(none, "");
    EXPECT_EQ(text, "abc");
  }());
}

// While poll(2) runs the kernel holds on to the file: it would stay open behind a close.
TEST(thread_backend, has_let_go_of_a_descriptor_when_a_wait_for_it_is_cancelled) {
  run([]() -> task<> {
    for (int i = 0; i < 100; ++i) {
      std::array<int, 2> ends{};
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
      descriptor near(ends[0]);
      descriptor far(ends[1]);
      co_await with_scope([&](scope& children) -> task<> {
        std::string text;
        children.spawn(read_one(near, text));
        if (i % 2) (co_await sleep_for(100us)).value();
        co_await yield();
        (co_await near.close()).value();
      });
      char byte = 0;
      EXPECT_EQ(::recv(far.number(), &byte, 1, MSG_DONTWAIT), 0) << "the end is there at once";
    }
  }());
}

TEST(thread_backend, polls_each_descriptor_once_however_many_wait) {
  run([]() -> task<> {
    pipe both = pipe::create(4096).value();
    rlimit before{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(both.write_end.number()) + 10;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    int ready = 0;
    co_await with_scope([&](scope& children) -> task<> {
      for (int i = 0; i < 200; ++i) {
        children.spawn([&]() -> task<> {
          const auto events = co_await op::poll(both.read_end, POLLIN | POLLPRI);
          EXPECT_EQ(events.value(), POLLIN);
          ++ready;
        });
      }
      (co_await sleep_for(5ms)).value();
      EXPECT_EQ(ready, 0);
      put(both.write_end, "x");
    });
    EXPECT_EQ(ready, 200);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  }());
}

TEST(thread_backend, survives_waits_that_are_given_up_at_any_time) {
  run([]() -> task<> {
    pipe both = pipe::create(4096).value();
    for (int i = 0; i < 3000; ++i) {
      co_await with_scope([&](scope& children) -> task<> {
        std::string text;
        children.spawn(read_one(both.read_end, text));
        for (int turns = i % 7; turns > 0; --turns) co_await yield();
        if (i % 5 == 0) (co_await sleep_for(std::chrono::microseconds(i % 100))).value();
        children.request_stop();
      });
    }
  }());
}

}  // namespace
}  // namespace gyre
