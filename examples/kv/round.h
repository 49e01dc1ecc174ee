#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/examples/kv/batch.h"

namespace kv {

/// How the replies to the steps of a command become the reply to the command.
enum class merging : std::uint8_t {
  none,   ///< it has no steps: the reply is there
  alone,  ///< it has one step, whose reply it is
  array,  ///< one element for each step
  sum,    ///< the number of keys that were there
};

/// The commands that came in one read, divided by the shards that they are for: each shard gets all
/// its steps at once, in their order, and the replies are put together in the order of the
/// commands.
class round {
 public:
  explicit round(unsigned shards) : batches_(shards) {}
  round(const round&) = delete;
  round& operator=(const round&) = delete;

  /// Begins a command, after which its steps are added.
  void begin(merging how) { commands_.push_back(command(how)); }
  void add(const step& step);
  /// A command without steps, and the reply to it.
  void answer(std::string_view reply);

  bool empty() const noexcept { return commands_.empty(); }
  /// Whether the rest had better wait for another round, so that others get their turn.
  bool is_full() const noexcept { return commands_.size() >= 1024 || order_.size() >= 4096; }

  std::vector<batch>& batches() noexcept { return batches_; }

  /// Appends to `output` what the shards have answered by now, up to the first step that they have
  /// not made. True when that was all: then the round is empty again.
  bool merge(std::string& output);

 private:
  class command {
   public:
    explicit command(merging how) noexcept : how(how) {}
    merging how;
    std::size_t size = 0;  // steps, or bytes of the reply that is there
  };
  /// How far the replies of a shard were merged.
  class cursor {
   public:
    std::size_t step = 0;
    std::size_t offset = 0;
  };

  bool merge_steps(const command& command, std::string& output);
  void merge_step(const command& command, batch& from, cursor& at, std::string& output);
  void clear() noexcept;

  std::vector<batch> batches_;
  std::vector<command> commands_;
  std::vector<std::uint32_t> order_;  // the shard of each step
  std::string at_once_;

  // How far they are merged.
  std::vector<cursor> cursors_;
  std::size_t commands_done_ = 0;
  std::size_t steps_done_ = 0;  // of the next command
  bool begun_ = false;          // that one
  std::size_t order_done_ = 0;
  std::size_t at_once_done_ = 0;
  std::int64_t sum_ = 0;  // of the next command
  std::string failure_;   // of that
};

/// The shard of a key. Part of what is on the disk: it stays as it is.
unsigned shard_of(std::string_view key, std::size_t shards) noexcept;

}  // namespace kv
