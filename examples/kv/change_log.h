#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gyre/examples/kv/record.h"
#include "gyre/fs/directory.h"
#include "gyre/fs/file.h"
#include "gyre/runtime/auto_reset_event.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/mutex.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace kv {

class record_reader;

/// What a log has done since it was opened.
class log_counters {
 public:
  log_counters() noexcept {}

  std::uint64_t records = 0;      ///< written, marks not counted
  std::uint64_t groups = 0;       ///< writes of a group of them, each with one fdatasync
  std::uint64_t compactions = 0;  ///< times that the log was written anew
  std::uint64_t cut_bytes = 0;    ///< of a group that a crash cut, when it was opened
};

/// The changes of a shard, in the order in which they were made, in a file that is only appended
/// to. Those that are made while a group of them is being written make the next group: one write
/// and one fdatasync, linked, however many they are. Belongs to one loop.
///
/// A write or a sync that fails is never repeated, since what the kernel says afterwards is not
/// worth anything: the log has failed then, and takes nothing more until it is opened again. Then
/// what was not known to be on the disk is written again, for the kernel may take its pages for
/// clean that never got there.
class change_log {
 public:
  /// The file `name` in `place`, which must stay. Without `sync` nothing waits for the disk.
  change_log(gyre::directory& place, std::string name, bool sync);
  change_log(const change_log&) = delete;
  change_log& operator=(const change_log&) = delete;

  /// Makes the file, empty and durable, unless it is there. Throws as `open` does.
  static gyre::task<> create(gyre::directory& place, std::string name, std::uint32_t shard,
                             std::uint32_t shards);
  /// The header of that file, or nothing where there is no such file. Throws as `open` does.
  static gyre::task<std::optional<log_header>> header_of(gyre::directory& place, std::string name);

  /// Hands all records to `replay`, in order, and with sync sees to it that they are durable: the
  /// last group is written again, or all that was written without sync. What a crash
  /// left of a group that nobody was told to be durable is cut off. Throws `std::runtime_error`
  /// with a sentence for the user when the file can't be used: because of the system, because it
  /// belongs to another shard, or because something in it was changed that was durable once.
  gyre::task<> open(std::uint32_t shard, std::uint32_t shards,
                    const std::function<void(const record&)>& replay);

  /// Adds a change to the next group, and gives its sequence number. `change` gets that too. The
  /// log must not have failed.
  std::uint64_t append(record change);
  /// Waits until the change with that number, and all before it, are durable. Errors: why the log
  /// has failed; `operation_canceled` when the task is asked to stop, which stops no writing.
  gyre::task<gyre::result<void>> wait_durable(std::uint64_t sequence);
  bool is_durable(std::uint64_t sequence) const noexcept { return sequence <= durable_; }
  /// Why it takes nothing more; the empty error while it does.
  std::error_code failure() const noexcept { return failure_; }
  /// What failed: "write", "fdatasync", ….
  std::string_view failed_call() const noexcept { return failed_call_; }

  /// Writes the groups, until `close`. To be spawned once.
  gyre::task<> write_groups();
  /// Lets `write_groups` end when it has written what there is.
  void close() noexcept;

  /// Writes the log anew, without the records that `is_live` says no to, which is asked about each
  /// `set` and `expire` that is in the file now. Changes go on meanwhile. After an error, which is
  /// given, the log is as it was, unless `failure()` says something else.
  gyre::task<gyre::result<void>> compact(std::function<bool(const record&)> is_live);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t last_sequence() const noexcept { return last_; }
  const log_counters& counters() const noexcept { return counters_; }

 private:
  /// Records that are written together, behind a mark for which room is kept.
  class group {
   public:
    std::string bytes;
    std::uint64_t records = 0;
    std::uint64_t last = 0;
    gyre::event ended;
  };

  /// Of the records from an offset on, to know them again.
  class fingerprint {
   public:
    fingerprint() noexcept {}
    explicit fingerprint(std::uint64_t begin) noexcept : begin(begin) {}
    void add(const record_reader& reader) noexcept;

    std::uint64_t begin = log_header::size;
    std::uint32_t sum = 0;
  };

  gyre::task<> replay_all(const std::function<void(const record&)>& replay);
  gyre::task<> settle_end(record_reader& reader);
  gyre::task<> write_again(const fingerprint& uncertain);
  group& begin_writing();
  gyre::task<> write(group& written);
  void ended(group& written) noexcept;
  void fail(std::string_view call, std::error_code why) noexcept;
  // In compaction.cc.
  class next_file;
  gyre::task<gyre::result<void>> fill(next_file& next,
                                      const std::function<bool(const record&)>& is_live);
  gyre::task<gyre::result<void>> switch_to(next_file& next);
  gyre::task<gyre::result<void>> finish(next_file& next, const group* last);

  gyre::directory& place_;
  const std::string name_;
  const bool sync_;
  std::optional<gyre::file> file_;
  log_header header_;
  std::uint64_t size_ = 0;
  std::uint64_t last_ = 0;     // given out
  std::uint64_t durable_ = 0;  // or only written, without sync
  std::error_code failure_;
  std::string_view failed_call_;
  std::array<group, 2> groups_;
  group* filling_ = &groups_[0];
  gyre::auto_reset_event changed_;  // there is something to write, or the log is being closed
  gyre::mutex file_mutex_;          // who writes to the file, or puts another in its place
  bool closing_ = false;
  log_counters counters_;
};

}  // namespace kv
