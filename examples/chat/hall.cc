#include "gyre/examples/chat/hall.h"

#include <algorithm>
#include <utility>

#include "gyre/runtime/shield.h"

namespace chat {

std::string hall::guest_name() {
  std::string name;
  do name = "guest" + std::to_string(++guests_);
  while (is_taken(name));
  return name;
}

void hall::enter(member& member) {
  members_.emplace(member.name, &member);
  if (ending_) say_goodbye(member);
}

void hall::leave(member& member) {
  members_.erase(member.name);
}

void hall::rename(member& member, std::string name) {
  members_.erase(member.name);
  member.name = std::move(name);
  members_.emplace(member.name, &member);
}

gyre::task<> hall::join(member& member, std::string name) {
  co_await leave_room(member);
  auto& place = rooms_[name];
  if (!place) {
    place = std::make_shared<room>(name);
    rooms_scope_.spawn(hand_on(place));
  }
  member.room = place;
  member.room->members.push_back(&member);
  co_await say(member, "* " + member.name + " has come to " + name);
}

// Others hear of it also when this member is being stopped.
gyre::task<> hall::leave_room(member& member) {
  if (!member.room) co_return;
  const std::shared_ptr<room> left = std::exchange(member.room, nullptr);
  std::erase(left->members, &member);
  if (left->members.empty()) {
    left->said.close();
    rooms_.erase(left->name);
    co_return;
  }
  shared_line news = make_line("* " + member.name + " has left " + left->name);
  (void)co_await gyre::shield(left->said.send(std::move(news)));
}

gyre::task<> hall::say(member& member, std::string text) {
  ++counters.posted;
  (void)co_await member.room->said.send(make_line(std::move(text)));
}

// The task of a room. It never waits for a member.
gyre::task<> hall::hand_on(std::shared_ptr<room> room) {
  while (const auto line = co_await room->said.receive())
    for (member* each : room->members) each->deliver(*line);
}

void hall::shut_down() {
  ending_ = true;
  for (const auto& [name, each] : members_) say_goodbye(*each);
}

void hall::say_goodbye(member& member) {
  member.tell("the server is shutting down");
  member.drain();
}

}  // namespace chat
