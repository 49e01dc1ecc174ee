#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "gyre/examples/kv/batch.h"
#include "gyre/examples/kv/change_log.h"
#include "gyre/examples/kv/record.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/fs/directory.h"
#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace kv {

/// What INFO tells of a shard.
class shard_facts {
 public:
  shard_facts() noexcept {}

  unsigned number = 0;
  unsigned core = 0;
  std::size_t keys = 0;
  std::size_t keys_with_deadline = 0;
  std::uint64_t live_bytes = 0;  ///< of the log: what it would be if it were written anew
  std::uint64_t log_bytes = 0;
  std::uint64_t sequence = 0;
  std::uint64_t expired = 0;  ///< keys that have met their deadline
  log_counters log;
  std::string failure;  ///< why it takes no changes, or empty
};

/// A part of the keys: those whose hash says so. They are in memory, and each change is in a log.
/// Belongs to one loop; other cores send their steps there.
///
/// Nothing is told before it is durable, not even to others: a value that can be read is never
/// lost.
class shard {
 public:
  /// Its log is in `place`, which must stay.
  shard(unsigned number, const settings& settings, gyre::directory& place);
  shard(const shard&) = delete;
  shard& operator=(const shard&) = delete;

  static std::string log_name(unsigned number) { return std::to_string(number) + ".log"; }

  /// Reads the log. Throws `std::runtime_error` as `change_log::open` does.
  gyre::task<> open(unsigned count);

  /// Makes the steps from `steps.done` on, in their order, nothing else between them, and goes on
  /// when their replies may be given. It stops before the end when the replies are large: then the
  /// others can be written first. Only where the task is asked to stop there is an error.
  gyre::task<gyre::result<void>> make(batch& steps);

  /// Writes the log until `close`, or until it fails, which it says on standard error. To be
  /// spawned once.
  gyre::task<> write_log();
  void close() noexcept { log_.close(); }
  /// Removes keys that have met their deadline, and writes the log anew when most of it is dead,
  /// until it is asked to stop. To be spawned once.
  gyre::task<> keep_small();

  shard_facts facts() const;
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  class entry {
   public:
    entry() noexcept {}
    std::string value;
    std::int64_t deadline_ms = 0;  // 0 is never
    std::uint64_t written = 0;     // the change that gave the value
    std::uint64_t changed = 0;     // the last one, which gave the deadline
  };
  class hash {
   public:
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept {
      return std::hash<std::string_view>()(key);
    }
  };
  using entries = std::unordered_map<std::string, entry, hash, std::equal_to<>>;
  using position = entries::iterator;

  void replay(const record& change);
  void make(step& step, std::string& replies, std::int64_t now_ms);
  position find(std::string_view key, std::int64_t now_ms);

  void get(step& step, position found, std::string& replies);
  void time_left(step& step, position found, std::string& replies, std::int64_t now_ms);
  void set(step& step, position found, std::string& replies);
  void add(step& step, position found, std::string& replies);
  void expire(step& step, position found, std::string& replies, std::int64_t now_ms);
  void remove(step& step, position found);

  std::uint64_t log_set(std::string_view key, std::string_view value, std::int64_t deadline_ms);
  void put(position at, std::string_view value, std::int64_t deadline_ms, std::uint64_t sequence);
  void put_deadline(position at, std::int64_t deadline_ms, std::uint64_t sequence);
  void erase(position at) noexcept;
  void expire(position at) noexcept;
  void remember(position at);
  void forget(position at) noexcept;
  static std::uint64_t live_bytes_of(const entries::value_type& entry) noexcept;
  bool is_live(const record& change) const;

  bool is_large() const noexcept;
  void answer_with_failure(batch& steps, std::size_t from);
  std::string failure() const;
  gyre::task<> compact();
  std::size_t remove_expired(std::int64_t now_ms);

  const unsigned number_;
  const settings& settings_;
  change_log log_;
  entries entries_;
  std::set<std::pair<std::int64_t, const std::string*>> deadlines_;
  std::uint64_t removed_ = 0;  // the last change that removed a key
  std::uint64_t live_bytes_ = 0;
  std::uint64_t expired_ = 0;
  std::uint64_t compact_from_ = 0;  // after one that has failed: the size to try again at
  gyre::auto_reset_event upkeep_due_;
};

}  // namespace kv
