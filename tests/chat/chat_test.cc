#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/http/server_process.h"

namespace chat {
namespace {

/// Somebody at a terminal, who is patient for a minute.
class person {
 public:
  /// `receive_buffer`: how much the kernel takes at least before they read it; 0 is as usual.
  explicit person(std::uint16_t port, int receive_buffer = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience = {60, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_buffer > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("can't connect to the server");
    EXPECT_TRUE(hear().starts_with("* welcome, "));
  }
  person(const person&) = delete;
  person& operator=(const person&) = delete;
  ~person() { close(fd_); }

  void say(std::string_view text) {
    const std::string line = std::string(text) + "\n";
    (void)send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
  }
  /// Says it and hears the answer.
  std::string ask(std::string_view text) {
    say(text);
    return hear();
  }
  /// The next line, or "" when there is no more.
  std::string hear() {
    while (heard_.find('\n') == std::string::npos) {
      std::array<char, 65536> bytes;
      const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
      if (count <= 0) return {};
      heard_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    const std::size_t end = heard_.find('\n');
    std::string line = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    return line;
  }

 private:
  int fd_;
  std::string heard_;
};

class chat_server : public testing::TestWithParam<const char*> {
 protected:
  http::server_process start(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--backend", GetParam(), "--stats"});
    return http::server_process(std::move(arguments), "chat_server");
  }
  static void end(http::server_process& server) {
    server.send_signal(SIGTERM);
    EXPECT_EQ(server.wait(), 0);
    EXPECT_EQ(server.errors(), "");
  }
};

INSTANTIATE_TEST_SUITE_P(backends, chat_server, testing::Values("uring", "epoll", "threads"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(chat_server, those_in_a_room_hear_each_other_in_one_order_and_nobody_else) {
  http::server_process server = start({});
  person ann(server.port());
  person bob(server.port());
  person eve(server.port());
  EXPECT_EQ(ann.ask("/nick ann"), "* guest1 is now ann");
  EXPECT_EQ(ann.ask("hello?"), "* nobody hears you: /join a room first");
  EXPECT_EQ(ann.ask("/join tea"), "* ann has come to tea");
  EXPECT_EQ(bob.ask("/join tea"), "* guest2 has come to tea");
  EXPECT_EQ(ann.hear(), "* guest2 has come to tea");
  EXPECT_EQ(eve.ask("/join rum"), "* guest3 has come to rum");
  EXPECT_EQ(ann.ask("/who"), "* in tea: ann guest2");
  EXPECT_EQ(ann.ask("/rooms"), "* rooms: rum (1) tea (2)");
  for (int i = 0; i < 100; ++i) {
    ann.say("a");
    bob.say("b");
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ann.hear(), bob.hear());
  EXPECT_EQ(bob.ask("/nick bob"), "* guest2 is now bob");
  EXPECT_EQ(ann.hear(), "* guest2 is now bob");
  bob.say("/quit");
  EXPECT_EQ(bob.hear(), "");
  EXPECT_EQ(ann.hear(), "* bob has left tea");
  ann.say("/leave");
  EXPECT_EQ(ann.ask("/rooms"), "* rooms: rum (1)");
  EXPECT_EQ(eve.ask("yo ho ho"), "<guest3> yo ho ho");
  end(server);
}

TEST_P(chat_server, names_and_lines_that_are_none_are_refused_with_what_was_expected) {
  http::server_process server = start({"--line-max", "64"});
  person ann(server.port());
  person bob(server.port());
  EXPECT_EQ(ann.ask("/nick ann"), "* guest1 is now ann");
  EXPECT_EQ(bob.ask("/nick ann"), "* somebody else is ann");
  EXPECT_EQ(bob.ask("/nick b b"),
            "* \"b b\" is no name: expected 1 to 24 letters, digits, - and _");
  EXPECT_EQ(bob.ask("/dance"), "* there is no /dance; try /help");
  EXPECT_EQ(bob.ask("/join x"), "* guest2 has come to x");
  EXPECT_EQ(bob.ask("\x1b[2Jboo\r"), "<guest2> ?[2Jboo");
  EXPECT_EQ(bob.ask(std::string(64, 'x')), "* that line is too long: expected less than 64 bytes");
  EXPECT_EQ(bob.hear(), "");
  end(server);
}

TEST_P(chat_server, a_slow_reader_is_disconnected_and_the_others_go_on) {
  http::server_process server = start({"--line-max", "65536", "--queue", "8"});
  person slow(server.port(), 4096);
  person ann(server.port());
  EXPECT_EQ(slow.ask("/join tea"), "* guest1 has come to tea");
  EXPECT_EQ(ann.ask("/join tea"), "* guest2 has come to tea");
  const std::string text(60'000, 'x');
  bool left = false;
  for (int said = 0; said < 2'000 && !left; ++said) {
    ann.say(text);
    const std::string heard = ann.hear();
    left = heard == "* guest1 has left tea";
    if (left) {
      EXPECT_EQ(ann.hear(), "<guest2> " + text);
    }
  }
  EXPECT_TRUE(left);
  EXPECT_EQ(ann.ask("/who"), "* in tea: guest2");
  end(server);
  EXPECT_NE(server.output().find("1 readers too slow"), std::string::npos) << server.output();
}

TEST_P(chat_server, a_slow_reader_who_may_stay_is_told_how_many_lines_are_missing) {
  http::server_process server = start({"--line-max", "65536", "--queue", "8", "--slow", "miss"});
  person slow(server.port(), 4096);
  person ann(server.port());
  EXPECT_EQ(slow.ask("/join tea"), "* guest1 has come to tea");
  EXPECT_EQ(ann.ask("/join tea"), "* guest2 has come to tea");
  EXPECT_EQ(slow.hear(), "* guest2 has come to tea");
  const std::string text(60'000, 'x');
  constexpr int said = 400;
  for (int i = 0; i < said; ++i) EXPECT_EQ(ann.ask(text).size(), text.size() + 9);
  int heard = 0;
  int missed = 0;
  constexpr std::string_view note = "* you read too slowly, and missed ";
  while (heard + missed < said) {
    const std::string line = slow.hear();
    ASSERT_NE(line, "");
    int count = 0;
    if (line.starts_with(note))
      std::from_chars(line.data() + note.size(), line.data() + line.size(), count);
    line.starts_with(note) ? missed += count : ++heard;
  }
  EXPECT_EQ(heard + missed, said);
  EXPECT_GT(missed, 0);
  end(server);
}

TEST_P(chat_server, at_its_end_all_are_told_and_get_what_waits_for_them) {
  http::server_process server = start({});
  person ann(server.port());
  person bob(server.port());
  EXPECT_EQ(ann.ask("/join tea"), "* guest1 has come to tea");
  EXPECT_EQ(bob.ask("/join tea"), "* guest2 has come to tea");
  EXPECT_EQ(ann.ask("last words"), "* guest2 has come to tea");
  EXPECT_EQ(ann.hear(), "<guest1> last words");
  end(server);
  EXPECT_EQ(bob.hear(), "<guest1> last words");
  for (person* each : {&ann, &bob}) {
    EXPECT_EQ(each->hear(), "* the server is shutting down");
    EXPECT_EQ(each->hear(), "");
  }
}

}  // namespace
}  // namespace chat
