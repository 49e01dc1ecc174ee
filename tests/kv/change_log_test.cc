#include "gyre/examples/kv/change_log.h"

#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/examples/kv/record.h"
#include "gyre/fs/directory.h"
#include "gyre/io/run.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/http/server_process.h"
#include "gyre/tests/io/sandbox.h"

namespace kv {
namespace {

using changes = std::vector<std::string>;

record set(std::string_view key, std::string_view value, std::int64_t deadline_ms = 0) {
  record change(record_kind::set, 0);
  change.key = key;
  change.value = value;
  change.deadline_ms = deadline_ms;
  return change;
}

record removal(std::string_view key) {
  record change(record_kind::remove, 0);
  change.key = key;
  return change;
}

std::string described(const record& change) {
  const std::string number = std::to_string(change.sequence) + " ";
  const std::string key(change.key);
  if (change.kind == record_kind::remove) return number + "-" + key;
  return number + key + "=" + std::string(change.value) + "@" + std::to_string(change.deadline_ms);
}

/// The log "0.log" of a directory, and what may happen to its file between two openings.
class log_file {
 public:
  std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void replace(std::string_view content) const { place_.write("0.log", content); }
  std::string path() const { return place_.path() + "/0.log"; }

  /// Opens it, makes it where it is not there, and appends the groups, each of which is durable
  /// before the next begins. Gives what was in it before.
  changes open(const std::vector<std::vector<record>>& groups = {}, bool sync = true) const {
    changes before;
    gyre::run(open_and_append(groups, sync, before));
    return before;
  }
  /// Why it can't be opened.
  std::string refusal() const {
    try {
      open();
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return "it was opened";
  }

 private:
  gyre::task<> open_and_append(const std::vector<std::vector<record>>& groups, bool sync,
                               changes& before) const {
    auto place = (co_await gyre::directory::open(place_.path())).value();
    const auto header = co_await change_log::header_of(place, "0.log");
    if (!header) co_await change_log::create(place, "0.log", 0, 1);
    change_log log(place, "0.log", sync);
    co_await log.open(0, 1, [&](const record& each) { before.push_back(described(each)); });
    co_await gyre::with_scope([&](gyre::scope& writing) -> gyre::task<> {
      writing.spawn(log.write_groups());
      for (const std::vector<record>& group : groups) {
        for (const record& each : group) log.append(each);
        EXPECT_TRUE(co_await log.wait_durable(log.last_sequence()));
      }
      log.close();
    });
    EXPECT_EQ(log.size(), std::filesystem::file_size(path()));
  }

  const http::temporary_directory place_;
};

const std::vector<std::vector<record>> three_groups = {
    {set("a", "1")}, {set("b", "22", 77), removal("a")}, {set("c", "333"), set("b", "")}};
const changes all_changes = {"1 a=1@0", "2 b=22@77", "3 -a", "4 c=333@0", "5 b=@0"};

/// Where each record of a whole log ends, and whether it is one of a key.
class ending {
 public:
  std::size_t end;
  bool is_change;
};
std::vector<ending> endings(const std::string& content) {
  std::vector<ending> found = {{log_header::size, false}};
  const log_header header = log_header::decode(content).value();
  while (found.back().end < content.size()) {
    const auto rest = std::string_view(content).substr(found.back().end);
    const decoded_record next = decode_record(rest, header.salt);
    EXPECT_EQ(next.state, record_state::good);
    if (next.state != record_state::good) break;
    found.push_back({found.back().end + next.raw.size(), next.content.kind != record_kind::mark});
  }
  return found;
}

TEST(change_log, gives_back_what_was_appended) {
  const log_file log;
  EXPECT_EQ(log.open(three_groups), changes());
  EXPECT_EQ(log.open({{set("d", std::string(700'000, 'x'))}}), all_changes);
  changes more = all_changes;
  more.push_back("6 d=" + std::string(700'000, 'x') + "@0");
  EXPECT_EQ(log.open({}, false), more);
}

TEST(change_log, a_file_that_ends_anywhere_is_cut_behind_its_last_whole_record) {
  const log_file log;
  log.open(three_groups);
  const std::string content = log.content();
  const std::vector<ending> records = endings(content);
  for (std::size_t size = log_header::size; size < content.size(); ++size) {
    log.replace(std::string_view(content).substr(0, size));
    changes expected;
    std::size_t end = 0;
    for (const ending& each : records) {
      if (each.end > size) break;
      end = each.end;
      if (each.is_change) expected.push_back(all_changes[expected.size()]);
    }
    ASSERT_EQ(log.open(), expected) << "cut at " << size;
    ASSERT_EQ(log.content().size(), end);
    if (size % 32 > 0) continue;
    // And it goes on from there.
    log.open({{set("z", "last")}});
    expected.push_back(std::to_string(expected.size() + 1) + " z=last@0");
    ASSERT_EQ(log.open(), expected) << "cut at " << size;
  }
}

TEST(change_log, a_changed_byte_is_refused_unless_it_is_in_the_last_group) {
  const log_file log;
  log.open(three_groups);
  const std::string content = log.content();
  const std::vector<ending> records = endings(content);
  // The last group: a mark and two records.
  const std::size_t last_group = records[records.size() - 4].end;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    log.replace(changed);
    std::size_t begin = 0;  // of what was changed
    changes before;
    for (const ending& each : records) {
      if (each.end > at) break;
      begin = each.end;
      if (each.is_change) before.push_back(all_changes[before.size()]);
    }
    if (at >= last_group) {
      ASSERT_EQ(log.open(), before) << "changed at " << at;
    } else {
      const std::string expected =
          begin == 0 ? "header" : "is damaged at offset " + std::to_string(begin) + ":";
      const std::string refusal = log.refusal();
      ASSERT_NE(refusal.find(expected), std::string::npos)
          << "changed at " << at << ": " << refusal;
      ASSERT_EQ(log.content(), changed) << "what is refused stays as it is";
    }
  }
}

TEST(change_log, what_follows_a_hole_in_the_last_group_goes_with_it) {
  const log_file log;
  const std::string value(1000, 'v');
  log.open({{set("a", "1")}, {set("b", value), set("c", value), set("d", value)}});
  // The pages of a group reach the disk in any order: after a power failure one may be missing.
  std::string content = log.content();
  const std::vector<ending> records = endings(content);
  const std::size_t b_begin = records[records.size() - 4].end;
  content.replace(b_begin, 1000, 1000, '\0');
  log.replace(content);
  EXPECT_EQ(log.open(), changes({"1 a=1@0"}));
  EXPECT_EQ(log.content().size(), b_begin);
}

TEST(change_log, a_value_that_looks_like_records_is_none) {
  const log_file log;
  log.open(three_groups);
  const std::string stored = log.content();
  const log_file other;
  other.open({{set("a", "1")}, {set("copy", stored), set("b", "2")}});
  std::string content = other.content();
  content[content.find("copy") - 1] ^= 1;
  other.replace(content);
  EXPECT_EQ(other.open(), changes({"1 a=1@0"}));
}

std::string refusal_without_writes(const log_file& log) {
  return gyre::in_child([&] {
    setenv("GYRE_BACKEND", "epoll", 1);  // a ring would not ask the filter
    gyre::forbid({__NR_pwrite64}, EIO);
    return log.refusal();
  });
}

TEST(change_log, what_may_be_in_the_cache_alone_is_written_again_before_it_counts) {
  const log_file log;
  log.open(three_groups);
  EXPECT_EQ(refusal_without_writes(log),
            "the log \"0.log\" can't be written again: Input/output error (errno 5)");
  EXPECT_EQ(log.open(), all_changes);
  // A log without records has nothing that could be lost.
  const log_file empty;
  empty.open();
  EXPECT_EQ(refusal_without_writes(empty), "it was opened");
}

TEST(change_log, all_that_nobody_has_synced_is_written_again_and_stays_as_it_is) {
  const log_file log;
  std::vector<std::vector<record>> groups;
  const std::string value(100'000, 'v');
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) keys.push_back(std::to_string(i));
  for (const std::string& key : keys) groups.push_back({set("a", value), set(key, "")});
  log.open(groups, false);
  const std::string content = log.content();
  EXPECT_NE(refusal_without_writes(log).find("can't be written again"), std::string::npos);
  EXPECT_EQ(log.open().size(), 40U);
  EXPECT_TRUE(log.content() == content);
  // From here on it is like any other: what is durable is not written again.
  log.open({{set("b", "1")}});
  log.open({{set("b", "2")}});
  EXPECT_EQ(log.open().size(), 42U);
}

TEST(change_log, says_that_a_file_is_none) {
  const log_file log;
  log.replace("something else");
  EXPECT_NE(log.refusal().find("\"0.log\" is none of this server"), std::string::npos);
  log.replace(log_header(1, 2, 99).encode());
  EXPECT_NE(log.refusal().find("is that of shard 1 of 2, but shard 0 of 1"), std::string::npos)
      << log.refusal();
}

TEST(change_log, removes_what_was_being_written_anew) {
  const log_file log;
  log.open(three_groups);
  std::ofstream(log.path() + ".new") << "half of it";
  EXPECT_EQ(log.open(), all_changes);
  EXPECT_FALSE(std::filesystem::exists(log.path() + ".new"));
}

TEST(change_log, is_written_anew_without_what_is_dead) {
  const log_file log;
  log.open({{set("a", "1"), set("a", "2")}, {set("b", "1"), removal("b"), set("c", "3")}});
  gyre::run(gyre::invoke([&]() -> gyre::task<> {
    const std::string path = std::filesystem::path(log.path()).parent_path().string();
    auto place = (co_await gyre::directory::open(path)).value();
    change_log opened(place, "0.log", true);
    co_await opened.open(0, 1, [](const record&) {});
    co_await gyre::with_scope([&](gyre::scope& writing) -> gyre::task<> {
      writing.spawn(opened.write_groups());
      opened.append(removal("c"));  // goes with it, though it is not written yet
      EXPECT_TRUE(co_await opened.compact([](const record& each) { return each.sequence == 2; }));
      EXPECT_TRUE(opened.is_durable(6));
      EXPECT_EQ(opened.counters().compactions, 1U);
      opened.append(set("d", "4"));
      EXPECT_TRUE(co_await opened.wait_durable(7));
      opened.close();
    });
    EXPECT_EQ(opened.size(), std::filesystem::file_size(log.path()));
  }));
  EXPECT_EQ(log.open(), changes({"2 a=2@0", "6 -c", "7 d=4@0"}));
  EXPECT_FALSE(std::filesystem::exists(log.path() + ".new"));
}

}  // namespace
}  // namespace kv
