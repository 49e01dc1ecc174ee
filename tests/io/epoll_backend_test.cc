#include "gyre/io/epoll_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include "gyre/io/copy_ops.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/pipe.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/backend_wrapper.h"
#include "gyre/runtime/run_on.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/task.h"

// What the epoll backend keeps about descriptors, and what that may not lead to.
namespace gyre {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<backend> make_epoll() {
  return epoll_backend::create(epoll_options()).value();
}

void run(task<> test) {
  loop home(make_epoll());
  run_on(home, std::move(test));
  EXPECT_EQ(home.kernel().counters().submitted, home.kernel().counters().completed);
}

std::uint64_t syscalls() {
  return loop::current().kernel().counters().syscalls;
}

/// Two connected stream sockets.
class unix_pair {
 public:
  unix_pair() {
    std::array<int, 2> ends{};
    const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    EXPECT_EQ(socketpair(AF_UNIX, type, 0, ends.data()), 0);
    near = descriptor(ends[0]);
    far = descriptor(ends[1]);
  }
  void put(std::string_view text) {
    EXPECT_EQ(::send(far.number(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  descriptor near;
  descriptor far;
};

/// Two connected TCP sockets.
class tcp_ends {
 public:
  static task<tcp_ends> connect() {
    auto listener = tcp_listener::bind(endpoint::loopback_v4(0)).value();
    auto near = (co_await tcp_stream::connect(listener.local().value())).value();
    auto far = (co_await listener.accept()).value();
    co_return tcp_ends(std::move(near), std::move(far));
  }
  void put(std::string_view text, int flags = 0) {
    EXPECT_EQ(::send(far.socket().number(), text.data(), text.size(), flags | MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  tcp_stream near;
  tcp_stream far;

 private:
  tcp_ends(tcp_stream near, tcp_stream far) : near(std::move(near)), far(std::move(far)) {}
};

/// Reads once, having made sure that it must wait; `act` brings what it waits for.
template <class Act>
task<std::string> read_after(descriptor& from, Act act) {
  std::array<std::byte, 64> buffer;
  std::string text;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn([&]() -> task<> {
      const auto got = co_await op::recv(from, buffer);
      text = got ? std::string(reinterpret_cast<const char*>(buffer.data()), *got)
                 : got.error().message();
    });
    co_await yield();
    act();
  });
  co_return text;
}

task<std::string> read_now(descriptor& from) {
  return read_after(from, [] {});
}

TEST(epoll_backend, waits_for_a_descriptor_again_without_a_system_call) {
  run([]() -> task<> {
    tcp_ends ends = co_await tcp_ends::connect();
    co_await read_after(ends.near.socket(), [&] { ends.put("x"); });
    const std::uint64_t before = syscalls();
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(co_await read_after(ends.near.socket(), [&] { ends.put("x"); }), "x");
    }
    // A wait and a recv each; the turn between may look for events once more.
    EXPECT_LE(syscalls() - before, 300U);
  }());
}

TEST(epoll_backend, knows_a_descriptor_that_was_moved) {
  run([]() -> task<> {
    tcp_ends ends = co_await tcp_ends::connect();
    co_await read_after(ends.near.socket(), [&] { ends.put("x"); });
    const std::uint64_t before = syscalls();
    for (int i = 0; i < 100; ++i) {
      tcp_stream moved(std::move(ends.near));
      EXPECT_EQ(co_await read_after(moved.socket(), [&] { ends.put("x"); }), "x");
      ends.near = std::move(moved);
    }
    EXPECT_LE(syscalls() - before, 300U);
  }());
}

TEST(epoll_backend, watches_a_number_anew_that_was_closed_behind_its_back) {
  run([]() -> task<> {
    std::optional<unix_pair> first(std::in_place);
    EXPECT_EQ(co_await read_after(first->near, [&] { first->put("first"); }), "first");
    const int number = first->near.release();
    ::close(number);
    first.reset();
    unix_pair second;
    EXPECT_EQ(second.near.number(), number) << "the lowest free number is taken";
    EXPECT_EQ(co_await read_after(second.near, [&] { second.put("second"); }), "second");
  }());
}

TEST(epoll_backend, watches_a_number_anew_that_was_closed_after_its_loop) {
  loop home(make_epoll());
  std::optional<unix_pair> pair(std::in_place);
  const int number = pair->near.number();
  for (int i = 0; i < 3; ++i) {
    run_on(home, [&]() -> task<> {
      EXPECT_EQ(co_await read_after(pair->near, [&] { pair->put("text"); }), "text");
    }());
    pair.emplace();  // while no loop runs that could be told
    EXPECT_EQ(std::min(pair->near.number(), pair->far.number()), number);
  }
}

TEST(epoll_backend, knows_its_descriptors_from_those_of_another_loop) {
  loop first(make_epoll());
  loop second(make_epoll());
  unix_pair pair;
  for (int i = 0; i < 4; ++i) {
    run_on(i % 2 ? second : first, [&]() -> task<> {
      EXPECT_EQ(co_await read_after(pair.near, [&] { pair.put("text"); }), "text");
    }());
  }
  EXPECT_EQ(first.kernel().counters().stale + second.kernel().counters().stale, 0U);
}

class wrapped final : public backend_wrapper {
 public:
  wrapped() : backend_wrapper(make_epoll()) {}
};

task<> close_what_has_a_duplicate() {
  unix_pair pair;
  co_await read_after(pair.near, [&] { pair.put("x"); });
  const descriptor duplicate(dup(pair.near.number()));
  (co_await pair.near.close()).value();
  unix_pair other;  // whose first end gets that number
  co_await read_after(other.near, [&] { other.put("x"); });
  pair.put("to the duplicate");
  (co_await sleep_for(1ms)).value();
  EXPECT_EQ(loop::current().kernel().counters().stale, 0U);
}

TEST(epoll_backend, hears_nothing_of_a_closed_descriptor_that_has_a_duplicate) {
  run(close_what_has_a_duplicate());
  loop home(std::make_unique<wrapped>());
  run_on(home, close_what_has_a_duplicate());
}

TEST(epoll_backend, takes_no_note_for_its_own_that_another_at_its_address_left) {
  run([]() -> task<> {
    unix_pair pair;
    pipe left = pipe::create(4096).value();
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        const auto moved = co_await op::splice_from_stream(pair.near, left.write_end, 10);
        EXPECT_EQ(moved.error(), std::errc::operation_canceled);
      });
      co_await yield();
      left.write_end.users().note.by = &loop::current().kernel();
      left.write_end.users().note.entry = std::uint64_t{1} << 32 | 1'000'000;
      (co_await left.write_end.close()).value();
    });
  }());
}

TEST(epoll_backend, is_not_woken_for_ever_by_what_nobody_reads) {
  run([]() -> task<> {
    unix_pair pair;
    co_await read_after(pair.near, [&] { pair.put("x"); });
    for (int i = 0; i < 20; ++i) {
      pair.put("a");
      (co_await sleep_for(100us)).value();
    }
    const std::uint64_t waits = loop::current().kernel().counters().waits;
    for (int i = 0; i < 20; ++i) pair.put("b");
    (co_await sleep_for(1ms)).value();
    EXPECT_LE(loop::current().kernel().counters().waits - waits, 3U) << "timers need some";
    EXPECT_EQ(co_await read_now(pair.near), std::string(20, 'a') + std::string(20, 'b'));
    EXPECT_EQ(co_await read_after(pair.near, [&] { pair.put("c"); }), "c");
  }());
}

TEST(epoll_backend, reads_on_after_urgent_data) {
  run([]() -> task<> {
    for (const bool at_once : {false, true}) {
      tcp_ends ends = co_await tcp_ends::connect();
      co_await read_after(ends.near.socket(), [&] { ends.put("x"); });
      const auto put_all = [&] {
        ends.put("before");
        ends.put("!", MSG_OOB);
        ends.put("after");
      };
      if (at_once) put_all();
      EXPECT_EQ(co_await read_after(ends.near.socket(),
                                    [&] {
                                      if (!at_once) put_all();
                                    }),
                "before");
      EXPECT_EQ(co_await read_now(ends.near.socket()), "after");
    }
  }());
}

TEST(epoll_backend, sees_the_end_that_comes_with_the_last_bytes) {
  run([]() -> task<> {
    for (const bool at_once : {false, true}) {
      tcp_ends ends = co_await tcp_ends::connect();
      co_await read_after(ends.near.socket(), [&] { ends.put("x"); });
      const auto put_all = [&] {
        ends.put("last");
        ends.far.shutdown_write().value();
      };
      if (at_once) put_all();
      EXPECT_EQ(co_await read_after(ends.near.socket(),
                                    [&] {
                                      if (!at_once) put_all();
                                    }),
                "last");
      EXPECT_EQ(co_await read_now(ends.near.socket()), "");
    }
  }());
}

/// Sends `text` with a descriptor alongside: what is read ends where the descriptor changes.
void put_with_descriptor(descriptor& to, std::string_view text) {
  iovec part = {const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = STDIN_FILENO;
  std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
  EXPECT_EQ(::sendmsg(to.number(), &message, 0), static_cast<ssize_t>(text.size()));
}

TEST(epoll_backend, reads_on_after_a_unix_socket_was_short) {
  run([]() -> task<> {
    unix_pair pair;
    co_await read_after(pair.near, [&] { pair.put("x"); });
    const auto put_all = [&] {
      put_with_descriptor(pair.far, "one");
      put_with_descriptor(pair.far, "two");
    };
    EXPECT_EQ(co_await read_after(pair.near, put_all), "one");
    EXPECT_EQ(co_await read_now(pair.near), "two");
  }());
}

TEST(epoll_backend, waits_for_events_of_any_kind_side_by_side) {
  run([]() -> task<> {
    tcp_ends ends = co_await tcp_ends::connect();
    descriptor& socket = ends.near.socket();
    short urgent = 0;
    short either = 0;
    std::string text;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> { urgent = (co_await op::poll(socket, POLLPRI)).value(); });
      children.spawn(
          [&]() -> task<> { either = (co_await op::poll(socket, POLLIN | POLLPRI)).value(); });
      children.spawn([&]() -> task<> { text = co_await read_now(socket); });
      (co_await sleep_for(1ms)).value();
      ends.put("text");
      (co_await sleep_for(1ms)).value();
      EXPECT_EQ(text, "text");
      EXPECT_EQ(either, POLLIN);
      EXPECT_EQ(urgent, 0);
      ends.put("!", MSG_OOB);
    });
    EXPECT_EQ(urgent, POLLPRI);
  }());
}

/// A recv that belongs to no descriptor of Gyre's, or to another one than it waits for.
class foreign_recv final : public operation {
 public:
  static constexpr operation_kind kind{"foreign_recv",      "none", awaited_thing::reading,
                                       ring_policy::submit, 0,      "5.1"};

  foreign_recv(int fd, descriptor_users* users) noexcept : operation(kind, users), fd_(fd) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe&) noexcept override {}
  int perform() noexcept override {
    const ssize_t size = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    return size < 0 ? -errno : static_cast<int>(size);
  }
  readiness ready_when() const noexcept override { return {fd_, POLLIN}; }

 private:
  int fd_;
  std::array<char, 64> buffer_;
};

task<std::size_t> foreign_read(unix_pair& pair, descriptor_users* users) {
  std::size_t size = 0;
  co_await with_scope([&](scope& children) -> task<> {
    children.spawn(
        [&]() -> task<> { size = (co_await foreign_recv(pair.near.number(), users)).value(); });
    co_await yield();
    pair.put("text");
  });
  co_return size;
}

TEST(epoll_backend, waits_for_descriptors_that_are_not_of_gyre) {
  run([]() -> task<> {
    for (int i = 0; i < 3; ++i) {
      unix_pair pair;
      EXPECT_EQ(co_await foreign_read(pair, nullptr), 4U);
      EXPECT_EQ(co_await foreign_read(pair, nullptr), 4U);
      EXPECT_EQ(co_await read_after(pair.near, [&] { pair.put("own"); }), "own");
      EXPECT_EQ(co_await foreign_read(pair, nullptr), 4U);
    }
  }());
}

TEST(epoll_backend, ends_what_waits_for_another_descriptor_than_the_one_closed) {
  run([]() -> task<> {
    unix_pair waited_for;
    unix_pair counting;
    EXPECT_EQ(co_await foreign_read(waited_for, &counting.near.users()), 4U);
    EXPECT_EQ(co_await read_after(waited_for.near, [&] { waited_for.put("own"); }), "own");
    EXPECT_EQ(co_await read_after(counting.near, [&] { counting.put("own"); }), "own");
    std::optional<result<std::size_t>> got;
    co_await with_scope([&](scope& children) -> task<> {
      children.spawn([&]() -> task<> {
        got = co_await foreign_recv(waited_for.near.number(), &counting.near.users());
      });
      co_await yield();
      (co_await counting.near.close()).value();
    });
    EXPECT_EQ(got->error(), std::errc::operation_canceled);
    EXPECT_EQ(co_await read_after(waited_for.near, [&] { waited_for.put("own"); }), "own");
  }());
}

TEST(epoll_backend, survives_numbers_that_come_and_go) {
  run([]() -> task<> {
    for (int i = 0; i < 2000; ++i) {
      unix_pair pair;
      const std::string text = std::to_string(i);
      EXPECT_EQ(co_await read_after(pair.near, [&] { pair.put(text); }), text);
      if (i % 3 == 0) ::close(pair.near.release());
    }
    EXPECT_EQ(loop::current().kernel().counters().stale, 0U);
  }());
}

}  // namespace
}  // namespace gyre
