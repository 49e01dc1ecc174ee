#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/examples/chat/member.h"
#include "gyre/examples/chat/settings.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace chat {

/// Where members hear each other: what is said goes through one channel, so that all hear it in the
/// same order, and whoever talks faster than it can be handed on waits.
class room {
 public:
  explicit room(std::string name) : name(std::move(name)), said(waiting_max) {}

  const std::string name;
  gyre::channel<shared_line> said;
  std::vector<member*> members;

 private:
  static constexpr std::size_t waiting_max = 64;
};

/// All rooms, and all who are connected. A room exists while somebody is in it.
class hall {
 public:
  /// The rooms' tasks are spawned into `rooms`, which must outlive the members.
  hall(const settings& settings, gyre::scope& rooms) : settings_(settings), rooms_scope_(rooms) {}

  const chat::settings& settings() const noexcept { return settings_; }

  /// A name that nobody has.
  std::string guest_name();
  /// They have connected, or are gone. Whoever leaves the hall has left their room.
  void enter(member& member);
  void leave(member& member);
  bool is_taken(const std::string& name) const { return members_.contains(name); }
  void rename(member& member, std::string name);

  /// Puts them into a room, out of the one where they were, and tells those who are there.
  gyre::task<> join(member& member, std::string name);
  gyre::task<> leave_room(member& member);
  /// Says it to all in their room, themselves included.
  gyre::task<> say(member& member, std::string text);

  const std::map<std::string, std::shared_ptr<room>>& rooms() const noexcept { return rooms_; }

  /// Says goodbye to all, also to who comes later. From here on nobody waits for anybody: each goes
  /// when their queue is written.
  void shut_down();

  chat::counters counters;

 private:
  void say_goodbye(member& member);
  gyre::task<> hand_on(std::shared_ptr<room> room);

  const chat::settings& settings_;
  gyre::scope& rooms_scope_;
  std::map<std::string, member*> members_;
  std::map<std::string, std::shared_ptr<room>> rooms_;
  std::uint64_t guests_ = 0;
  bool ending_ = false;
};

}  // namespace chat
