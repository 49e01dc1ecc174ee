#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gyre/examples/chat/settings.h"
#include "gyre/runtime/channel.h"
#include "gyre/runtime/scope.h"

namespace chat {

class room;

/// A line on its way to many members, its end included.
using shared_line = std::shared_ptr<const std::string>;

inline shared_line make_line(std::string text) {
  text.push_back('\n');
  return std::make_shared<const std::string>(std::move(text));
}

/// What happened since the server began.
class counters {
 public:
  counters() noexcept {}

  std::uint64_t connections = 0;
  std::uint64_t posted = 0;        ///< lines said in rooms
  std::uint64_t delivered = 0;     ///< lines put into members' queues
  std::uint64_t missed = 0;        ///< lines that found a queue full
  std::uint64_t disconnected = 0;  ///< members who read too slowly
};

/// Somebody who is connected. What they are to read waits in a queue of their own, so that nobody
/// waits for them.
class member {
 public:
  member(std::string name, const settings& settings, counters& counters)
      : name(std::move(name)),
        queue(settings.limits.queue_max),
        policy_(settings.slow_reader),
        counters_(counters) {}

  /// The tasks that end when the member is to be disconnected.
  void is_served_by(gyre::scope& tasks) noexcept { tasks_ = &tasks; }

  /// Puts `line` into the queue, or does what the policy says where that is full.
  void deliver(const shared_line& line) {
    if (const auto sent = queue.try_send(line)) {
      ++counters_.delivered;
    } else if (sent.error() == std::errc::broken_pipe) {
      return;  // is leaving
    } else if (policy_ == slow_reader::misses) {
      ++missed;
      ++counters_.missed;
    } else if (!too_slow) {
      too_slow = true;
      ++counters_.disconnected;
      disconnect();
    }
  }
  /// The same with a line for this member alone.
  void tell(std::string_view text) { deliver(make_line("* " + std::string(text))); }

  /// Nothing is delivered any more; when what waits is written the member is gone.
  void drain() noexcept { queue.close(); }
  void disconnect() noexcept { tasks_->request_stop(); }

  std::string name;
  std::shared_ptr<chat::room> room;  ///< where they are, or null
  gyre::channel<shared_line> queue;
  std::uint64_t missed = 0;  ///< lines that were lost and not told of yet
  bool too_slow = false;

 private:
  gyre::scope* tasks_ = nullptr;
  const slow_reader policy_;
  counters& counters_;
};

}  // namespace chat
