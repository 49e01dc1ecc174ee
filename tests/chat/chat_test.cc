#include <charconv>
#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/tests/examples/loopback_connection.h"
#include "gyre/tests/http/server_process.h"

namespace chat {
namespace {

/// Somebody at a terminal.
class person : private examples::loopback_connection {
 public:
  explicit person(std::uint16_t port, int receive_buffer = 0)
      : loopback_connection(port, receive_buffer) {
    EXPECT_TRUE(hear().starts_with("* welcome, "));
  }

  void say(std::string_view text) { (void)send(std::string(text) + "\n"); }
  /// Says it and hears the answer.
  std::string ask(std::string_view text) {
    say(text);
    return hear();
  }
  /// The next line, or "" when there is no more.
  std::string hear() {
    std::string line = take_line();
    if (!line.empty()) line.pop_back();
    return line;
  }
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
  EXPECT_EQ(bob.ask("\xC2\x9B"
                    "2J \x9B"
                    "2J caf\xC3\xA9"),
            "<guest2> ??2J ?2J caf\xC3\xA9");
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
  EXPECT_NE(server.output().find("\nrecv: "), std::string::npos) << server.output();
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
