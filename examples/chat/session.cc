#include "gyre/examples/chat/session.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "gyre/examples/chat/line_reader.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/with_timeout.h"

namespace chat {
namespace {

constexpr std::string_view help =
    "/nick NAME  /join ROOM  /leave  /who  /rooms  /quit; all else is said in your room";
constexpr std::size_t name_max = 24;
constexpr std::size_t batch_max = 16 << 10;
constexpr int send_buffer = 16 << 10;  // what waits is to wait in the queue, where it is counted

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_max && std::ranges::all_of(text, [](char each) {
    return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
           (each >= '0' && each <= '9') || each == '-' || each == '_';
  });
}

/// The first word of `text`, which is left with what follows it.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

/// What a member can say, and what comes of it.
class conversation {
 public:
  conversation(member& self, hall& hall) : self_(self), hall_(hall) {}

  /// False when they want to go.
  gyre::task<bool> obey(std::string_view line) {
    if (line.empty()) co_return true;
    if (line.front() != '/') {
      co_await say(line);
      co_return true;
    }
    std::string_view rest = line;
    const std::string_view command = take_word(rest);
    if (command == "/quit") co_return false;
    if (command == "/nick")
      co_await take_name(rest);
    else if (command == "/join")
      co_await join(rest);
    else if (command == "/leave")
      co_await hall_.leave_room(self_);
    else if (command == "/who")
      list_members();
    else if (command == "/rooms")
      list_rooms();
    else
      self_.tell(command == "/help" ? std::string(help)
                                    : "there is no " + std::string(command) + "; try /help");
    co_return true;
  }

 private:
  gyre::task<> say(std::string_view line) {
    if (self_.room)
      co_await hall_.say(self_, "<" + self_.name + "> " + std::string(line));
    else
      self_.tell("nobody hears you: /join a room first");
  }

  gyre::task<> take_name(std::string_view name) {
    if (!is_name(name)) co_return reject(name);
    if (hall_.is_taken(std::string(name))) {
      self_.tell("somebody else is " + std::string(name));
      co_return;
    }
    const std::string before = self_.name;
    hall_.rename(self_, std::string(name));
    const std::string news = before + " is now " + self_.name;
    if (self_.room)
      co_await hall_.say(self_, "* " + news);
    else
      self_.tell(news);
  }

  gyre::task<> join(std::string_view name) {
    if (!is_name(name)) co_return reject(name);
    co_await hall_.join(self_, std::string(name));
  }

  void reject(std::string_view name) {
    self_.tell("\"" + std::string(name) + "\" is no name: expected 1 to " +
               std::to_string(name_max) + " letters, digits, - and _");
  }

  void list_members() {
    if (!self_.room) return self_.tell("you are in no room");
    std::string names = "in " + self_.room->name + ":";
    for (const member* each : self_.room->members) names.append(" ").append(each->name);
    self_.tell(names);
  }

  void list_rooms() {
    std::string names = "rooms:";
    for (const auto& [name, room] : hall_.rooms())
      names.append(" ").append(name).append(" (" + std::to_string(room->members.size()) + ")");
    self_.tell(names);
  }

  member& self_;
  hall& hall_;
};

/// Until they go, or send what can't be a line.
gyre::task<> listen_to(gyre::tcp_stream& stream, member& self, hall& hall) {
  line_reader lines(stream, hall.settings().limits.line_max);
  conversation conversation(self, hall);
  while (true) {
    const auto line = co_await lines.next();
    if (!line) {
      if (line.error() == std::errc::message_size)
        self.tell("that line is too long: expected less than " +
                  std::to_string(hall.settings().limits.line_max) + " bytes");
      break;
    }
    const bool stays = co_await conversation.obey(*line);
    if (!stays) break;
  }
  self.drain();
}

/// What waits in the queue goes out together, so that many short lines are few system calls.
std::string next_batch(member& self, const shared_line& first) {
  std::string batch = *first;
  while (batch.size() < batch_max) {
    const auto more = self.queue.try_receive();
    if (!more) break;
    batch += **more;
  }
  if (self.queue.size() == 0 && self.missed > 0)
    batch += "* you read too slowly, and missed " + std::to_string(std::exchange(self.missed, 0)) +
             " lines here\n";
  return batch;
}

/// Writes all of `bytes` to who takes some of them within `time`, again and again.
gyre::task<gyre::result<void>> write_steadily(gyre::tcp_stream& stream,
                                              std::span<const std::byte> bytes,
                                              std::chrono::milliseconds time) {
  while (!bytes.empty()) {
    const auto sent = co_await gyre::with_timeout(stream.write_some(bytes), time);
    if (!sent) co_return sent.error();
    bytes = bytes.subspan(*sent);
  }
  co_return gyre::result<void>();
}

/// Until the queue is closed and empty, or they take nothing any more.
gyre::task<> write_to(gyre::tcp_stream& stream, member& self, const limits& limits) {
  while (const auto first = co_await self.queue.receive()) {
    const std::string batch = next_batch(self, *first);
    const auto bytes = std::as_bytes(std::span(batch));
    const auto sent = co_await write_steadily(stream, bytes, limits.write_time);
    if (sent) continue;
    if (sent.error() == std::errc::timed_out) self.too_slow = true;
    break;
  }
  self.disconnect();
}

}  // namespace

gyre::task<> serve(gyre::tcp_stream stream, hall& hall) {
  ++hall.counters.connections;
  (void)stream.set_send_buffer(send_buffer);
  member self(hall.guest_name(), hall.settings(), hall.counters);
  hall.enter(self);
  try {
    co_await gyre::with_scope([&](gyre::scope& tasks) -> gyre::task<> {
      self.is_served_by(tasks);
      tasks.spawn(write_to(stream, self, hall.settings().limits));
      self.tell("welcome, " + self.name + "; try /help");
      co_await listen_to(stream, self, hall);
    });
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "chat_server: %s had to go: %s\n", self.name.c_str(), failure.what());
  }
  if (self.too_slow) (void)stream.reset_on_close();
  hall.leave(self);
  co_await hall.leave_room(self);
}

}  // namespace chat
