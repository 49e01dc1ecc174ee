#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

/// What is done with one key.
enum class action : std::uint8_t { get, exists, time_left, set, remove, add, expire, persist };

/// When `set` sets.
enum class set_rule : std::uint8_t { always, if_absent, if_present };

/// One action on one key, on its way to the key's shard and back. Key and value are in the input of
/// the connection, which leaves them alone until then.
class step {
 public:
  step() noexcept {}
  step(action what, std::string_view key) noexcept : what(what), key(key) {}

  action what = action::get;
  set_rule rule = set_rule::always;
  bool keep_deadline = false;  ///< `set`: that of the value before
  bool in_seconds = false;     ///< `time_left`: rounded, instead of milliseconds
  bool writes_reply = true;    ///< false where only `count` is asked for
  std::string_view key;
  std::string_view value;
  std::int64_t by = 0;           ///< `add`
  std::int64_t deadline_ms = 0;  ///< `set` and `expire`: since 1970; 0 is never

  // What it came to.
  std::size_t reply_size = 0;  ///< in `batch::replies`
  std::uint64_t awaits = 0;    ///< the change that must be durable before the reply is given
  unsigned count = 0;          ///< keys that were there
  bool failed = false;         ///< the reply is an error
};

/// The steps of a round for one shard, in their order, and the replies.
class batch {
 public:
  batch() noexcept {}

  std::vector<step> steps;
  std::string replies;   ///< those of `steps`, one behind the other
  std::size_t done = 0;  ///< how many steps were made

  /// Replies that gather before they are written.
  static constexpr std::size_t replies_max = 1 << 20;
  /// Whether there are steps to be made, and room for their replies.
  bool goes_on() const noexcept { return done < steps.size() && replies.size() < replies_max; }

  /// Keeps memory for the next round, unless this one was unusual: there may be many connections.
  void clear() noexcept {
    steps.clear();
    replies.clear();
    if (steps.capacity() > 512) steps = std::vector<step>();
    if (replies.capacity() > (64 << 10)) replies = std::string();
    done = 0;
  }
};

}  // namespace kv
