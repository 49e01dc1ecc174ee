#include "gyre/examples/kv/shard.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include "gyre/examples/kv/batch.h"
#include "gyre/examples/kv/change_log.h"
#include "gyre/examples/kv/record.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/fs/directory.h"
#include "gyre/io/run.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"
#include "gyre/tests/http/server_process.h"

namespace kv {
namespace {

using state = std::map<std::string, std::string>;

gyre::task<std::string> make(shard& shard, step step) {
  batch one;
  one.steps.push_back(step);
  const auto made = co_await shard.make(one);
  EXPECT_TRUE(made.has_value());
  co_return one.replies;
}

/// A client that has a few keys of its own, and knows what they must be.
class owner {
 public:
  explicit owner(unsigned number) : number_(number), random_(number) {}

  /// Changes one of its keys somehow.
  gyre::task<> change(shard& shard) {
    const std::string key = keys_.at(pick(keys_.size())) + std::to_string(number_);
    const std::string value = std::to_string(pick(1000)) + std::string(pick(60), '0');
    step next(action::set, key);
    next.value = value;
    before_ = after = told;
    switch (pick(6)) {
      case 0:
        next.what = action::remove;
        after.erase(key);
        break;
      case 1:
        next.what = action::persist;
        break;
      case 2:
        // So far away that it changes nothing but the log.
        next.what = action::expire;
        next.deadline_ms = std::int64_t{1} << 50;
        break;
      default:
        after[key] = value;
    }
    co_await make(shard, next);
    told = before_ = after;
  }
  /// Whether it is as the owner was told, or as it will be told next.
  void expect(const state& found) const {
    state mine;
    for (const std::string& key : keys_) {
      const auto at = found.find(key + std::to_string(number_));
      if (at != found.end()) mine.insert(*at);
    }
    if (mine != after) {
      EXPECT_EQ(mine, before_);
    }
  }

  state told;
  state after;

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }

  const std::array<std::string, 5> keys_ = {"a", "bb", "ccc", "dddd", "eeeee"};
  const unsigned number_;
  std::mt19937_64 random_;
  state before_;
};

/// What a server finds that starts with a copy of the log as it is now.
gyre::task<state> state_after_a_crash(const std::string& path, const settings& settings) {
  const http::temporary_directory image;
  std::filesystem::copy_file(path + "/0.log", image.path() + "/0.log");
  auto place = (co_await gyre::directory::open(image.path())).value();
  state found;
  change_log log(place, "0.log", true);
  co_await log.open(0, 1, [&](const record& change) {
    if (change.kind == record_kind::set) found[std::string(change.key)] = change.value;
    if (change.kind == record_kind::remove) found.erase(std::string(change.key));
  });
  shard restarted(0, settings, place);
  co_await restarted.open(1);
  EXPECT_EQ(restarted.size(), found.size());
  co_return found;
}

TEST(shard, has_all_that_it_told_wherever_it_crashes_while_its_log_is_written_anew) {
  const http::temporary_directory data;
  settings settings;
  settings.compact_min = 4096;
  std::vector<owner> owners;
  for (unsigned number = 0; number < 8; ++number) owners.emplace_back(number);
  gyre::run(gyre::invoke([&]() -> gyre::task<> {
    auto place = (co_await gyre::directory::open(data.path())).value();
    co_await change_log::create(place, "0.log", 0, 1);
    shard shard(0, settings, place);
    co_await shard.open(1);
    co_await gyre::with_scope([&](gyre::scope& writing) -> gyre::task<> {
      writing.spawn(shard.write_log());
      co_await gyre::with_scope([&](gyre::scope& upkeep) -> gyre::task<> {
        upkeep.spawn(shard.keep_small());
        co_await gyre::with_scope([&](gyre::scope& clients) -> gyre::task<> {
          for (owner& each : owners)
            clients.spawn([&]() -> gyre::task<> {
              for (int i = 0; i < 300; ++i) {
                co_await each.change(shard);
                if (i % 10 > 0 || &each != &owners[0]) continue;
                const std::vector<owner> now = owners;
                const state found = co_await state_after_a_crash(data.path(), settings);
                for (const owner& one : now) one.expect(found);
              }
            });
          co_return;
        });
        upkeep.request_stop();
      });
      EXPECT_GE(shard.facts().log.compactions, 2U);
      EXPECT_LT(shard.facts().log_bytes, 40'000U);
      shard.close();
    });
    const state found = co_await state_after_a_crash(data.path(), settings);
    for (const owner& each : owners) EXPECT_EQ(each.told, each.after);
    for (const owner& each : owners) each.expect(found);
  }));
}

TEST(shard, stops_where_replies_are_large_and_goes_on_when_asked_again) {
  const http::temporary_directory data;
  const settings settings;
  gyre::run(gyre::invoke([&]() -> gyre::task<> {
    auto place = (co_await gyre::directory::open(data.path())).value();
    co_await change_log::create(place, "0.log", 0, 1);
    shard shard(0, settings, place);
    co_await shard.open(1);
    co_await gyre::with_scope([&](gyre::scope& writing) -> gyre::task<> {
      writing.spawn(shard.write_log());
      const std::string value(batch::replies_max / 2, 'v');
      step set(action::set, "key");
      set.value = value;
      EXPECT_EQ(co_await make(shard, set), "+OK\r\n");
      batch reads;
      for (int i = 0; i < 5; ++i) reads.steps.push_back(step(action::get, "key"));
      for (const std::size_t done : {2U, 4U, 5U}) {
        EXPECT_TRUE(co_await shard.make(reads));
        EXPECT_EQ(reads.done, done);
        reads.replies.clear();
      }
      shard.close();
    });
  }));
}

}  // namespace
}  // namespace kv
