#include "gyre/examples/kv/shard.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <system_error>

#include "gyre/examples/kv/resp.h"
#include "gyre/examples/kv/text.h"
#include "gyre/examples/kv/wall_clock.h"
#include "gyre/runtime/sleep.h"
#include "gyre/runtime/with_timeout.h"

namespace kv {
namespace {

using namespace std::chrono_literals;

// A log that is written anew shrinks to a quarter at least.
constexpr std::uint64_t dead_ratio = 4;
// Keys that are removed before others get their turn.
constexpr std::size_t expired_max = 1000;

}  // namespace

shard::shard(unsigned number, const settings& settings, gyre::directory& place)
    : number_(number), settings_(settings), log_(place, log_name(number), settings.sync) {}

gyre::task<> shard::open(unsigned count) {
  co_await log_.open(number_, count, [this](const record& change) { replay(change); });
  const std::uint64_t cut = log_.counters().cut_bytes;
  if (cut > 0)
    std::fprintf(stderr,
                 "kv_server: %s: cut %llu bytes off at offset %llu, of a group that was not "
                 "written to its end\n",
                 log_name(number_).c_str(), static_cast<unsigned long long>(cut),
                 static_cast<unsigned long long>(log_.size()));
}

void shard::replay(const record& change) {
  const position found = entries_.find(change.key);
  if (change.kind == record_kind::set) {
    const position at =
        found != entries_.end() ? found : entries_.try_emplace(std::string(change.key)).first;
    put(at, change.value, change.deadline_ms, change.sequence);
  } else if (found != entries_.end()) {
    if (change.kind == record_kind::remove) erase(found);
    if (change.kind == record_kind::expire)
      put_deadline(found, change.deadline_ms, change.sequence);
  }
}

gyre::task<gyre::result<void>> shard::make(batch& steps) {
  const std::size_t begin = steps.done;
  const std::int64_t now_ms = wall_clock_ms();
  std::uint64_t awaits = 0;
  while (steps.goes_on()) {
    step& each = steps.steps[steps.done++];
    const std::size_t before = steps.replies.size();
    make(each, steps.replies, now_ms);
    each.reply_size = steps.replies.size() - before;
    awaits = std::max(awaits, each.awaits);
  }
  if (is_large()) upkeep_due_.set();
  if (log_.is_durable(awaits)) co_return gyre::result<void>();
  const auto durable = co_await log_.wait_durable(awaits);
  if (durable) co_return durable;
  if (!log_.failure()) co_return durable;
  answer_with_failure(steps, begin);
  co_return gyre::result<void>();
}

gyre::task<> shard::write_log() {
  co_await log_.write_groups();
  if (!log_.failure() || log_.failure() == std::errc::operation_canceled) co_return;
  std::fprintf(stderr, "kv_server: %s\n", failure().c_str());
}

void shard::make(step& step, std::string& replies, std::int64_t now_ms) {
  const bool changes =
      step.what != action::get && step.what != action::exists && step.what != action::time_left;
  if (changes && log_.failure()) {
    step.failed = true;
    return resp::append_error(replies, "IOERR " + failure());
  }
  const position found = find(step.key, now_ms);
  step.count = found != entries_.end() ? 1 : 0;
  step.awaits = step.count > 0 ? found->second.changed : removed_;
  switch (step.what) {
    case action::get:
      return get(step, found, replies);
    case action::exists:
      return;
    case action::time_left:
      return time_left(step, found, replies, now_ms);
    case action::set:
      return set(step, found, replies);
    case action::remove:
      return remove(step, found);
    case action::add:
      return add(step, found, replies);
    case action::expire:
    case action::persist:
      return expire(step, found, replies, now_ms);
  }
}

/// The entry of the key, unless its time is over.
shard::position shard::find(std::string_view key, std::int64_t now_ms) {
  const position found = entries_.find(key);
  if (found == entries_.end()) return found;
  const std::int64_t deadline_ms = found->second.deadline_ms;
  if (deadline_ms == 0 || deadline_ms > now_ms) return found;
  expire(found);
  return entries_.end();
}

void shard::get(step& step, position found, std::string& replies) {
  if (step.count == 0) return resp::append_nil(replies);
  resp::append_bulk(replies, found->second.value);
}

void shard::time_left(step& step, position found, std::string& replies, std::int64_t now_ms) {
  if (step.count == 0) return resp::append_integer(replies, -2);
  const std::int64_t deadline_ms = found->second.deadline_ms;
  if (deadline_ms == 0) return resp::append_integer(replies, -1);
  const std::int64_t left_ms = deadline_ms - now_ms;
  resp::append_integer(replies, step.in_seconds ? (left_ms + 500) / 1000 : left_ms);
}

void shard::set(step& step, position found, std::string& replies) {
  const bool there = step.count > 0;
  if ((step.rule == set_rule::if_absent && there) || (step.rule == set_rule::if_present && !there))
    return resp::append_nil(replies);
  const std::int64_t deadline_ms =
      step.keep_deadline && there ? found->second.deadline_ms : step.deadline_ms;
  step.awaits = log_set(step.key, step.value, deadline_ms);
  const position at = there ? found : entries_.try_emplace(std::string(step.key)).first;
  put(at, step.value, deadline_ms, step.awaits);
  resp::append_simple(replies, "OK");
}

void shard::add(step& step, position found, std::string& replies) {
  const bool there = step.count > 0;
  const std::optional<std::int64_t> old =
      there ? integer(found->second.value) : std::optional<std::int64_t>(0);
  if (!old) return resp::append_error(replies, "ERR value is not an integer or out of range");
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*old, step.by, &sum))
    return resp::append_error(replies, "ERR increment or decrement would overflow");
  std::string text;
  resp::append_number(text, sum);
  const std::int64_t deadline_ms = there ? found->second.deadline_ms : 0;
  step.awaits = log_set(step.key, text, deadline_ms);
  const position at = there ? found : entries_.try_emplace(std::string(step.key)).first;
  put(at, text, deadline_ms, step.awaits);
  resp::append_integer(replies, sum);
}

void shard::expire(step& step, position found, std::string& replies, std::int64_t now_ms) {
  const bool persists = step.what == action::persist;
  if (step.count == 0 || (persists && found->second.deadline_ms == 0))
    return resp::append_integer(replies, 0);
  if (!persists && step.deadline_ms <= now_ms) {
    remove(step, found);
    return resp::append_integer(replies, 1);
  }
  record change(record_kind::expire, 0);
  change.key = step.key;
  change.deadline_ms = step.deadline_ms;
  step.awaits = log_.append(change);
  put_deadline(found, change.deadline_ms, step.awaits);
  resp::append_integer(replies, 1);
}

void shard::remove(step& step, position found) {
  if (step.count == 0) return;
  record change(record_kind::remove, 0);
  change.key = step.key;
  step.awaits = removed_ = log_.append(change);
  erase(found);
}

std::uint64_t shard::log_set(std::string_view key, std::string_view value,
                             std::int64_t deadline_ms) {
  record change(record_kind::set, 0);
  change.key = key;
  change.value = value;
  change.deadline_ms = deadline_ms;
  return log_.append(change);
}

void shard::put(position at, std::string_view value, std::int64_t deadline_ms,
                std::uint64_t sequence) {
  forget(at);
  entry& kept = at->second;
  kept.value.assign(value);
  kept.deadline_ms = deadline_ms;
  kept.written = kept.changed = sequence;
  remember(at);
}

void shard::put_deadline(position at, std::int64_t deadline_ms, std::uint64_t sequence) {
  forget(at);
  at->second.deadline_ms = deadline_ms;
  at->second.changed = sequence;
  remember(at);
}

void shard::erase(position at) noexcept {
  forget(at);
  entries_.erase(at);
}

/// Its time is over: as durable as the change that has given the deadline.
void shard::expire(position at) noexcept {
  removed_ = std::max(removed_, at->second.changed);
  erase(at);
  ++expired_;
}

/// Counts an entry as it is now.
void shard::remember(position at) {
  live_bytes_ += live_bytes_of(*at);
  if (at->second.deadline_ms == 0) return;
  if (deadlines_.empty()) upkeep_due_.set();
  deadlines_.emplace(at->second.deadline_ms, &at->first);
}

/// Before it is changed.
void shard::forget(position at) noexcept {
  live_bytes_ -= live_bytes_of(*at);
  if (at->second.deadline_ms != 0) deadlines_.erase({at->second.deadline_ms, &at->first});
}

/// What the entry takes in a log that was written anew; nothing while it is new itself.
std::uint64_t shard::live_bytes_of(const entries::value_type& entry) noexcept {
  const auto& [key, kept] = entry;
  if (kept.written == 0) return 0;
  const std::uint64_t deadline = kept.changed != kept.written ? record::head_size + key.size() : 0;
  return record::head_size + key.size() + kept.value.size() + deadline;
}

bool shard::is_live(const record& change) const {
  const auto found = entries_.find(change.key);
  if (found == entries_.end()) return false;
  const entry& kept = found->second;
  return change.sequence == (change.kind == record_kind::set ? kept.written : kept.changed);
}

bool shard::is_large() const noexcept {
  return log_.size() > std::max(settings_.compact_min, compact_from_) &&
         log_.size() > dead_ratio * live_bytes_;
}

std::string shard::failure() const {
  const std::error_code why = log_.failure();
  return "the log of shard " + std::to_string(number_) + " has failed (" +
         std::string(log_.failed_call()) + ": " + why.message() + ", errno " +
         std::to_string(why.value()) +
         "): it takes no changes until the server is started again, and the last may be lost";
}

/// What was not durable when the log failed may be lost: nobody is told otherwise.
void shard::answer_with_failure(batch& steps, std::size_t from) {
  std::size_t end = steps.replies.size();
  for (std::size_t each = from; each < steps.done; ++each) end -= steps.steps[each].reply_size;
  std::string told = steps.replies.substr(0, end);
  for (; from < steps.done; ++from) {
    step& each = steps.steps[from];
    const std::size_t begin = told.size();
    if (log_.is_durable(each.awaits)) {
      told.append(steps.replies, end, each.reply_size);
    } else {
      each.failed = true;
      resp::append_error(told, "IOERR " + failure());
    }
    end += std::exchange(each.reply_size, told.size() - begin);
  }
  steps.replies = std::move(told);
}

gyre::task<> shard::keep_small() {
  for (;;) {
    // The hour of a deadline is looked at where the key is used; here memory is got back.
    const auto pause = deadlines_.empty() ? std::chrono::nanoseconds::max() : 1s;
    const auto due = co_await gyre::with_timeout(upkeep_due_.wait(), pause);
    if (due.error() == std::errc::operation_canceled) co_return;
    while (remove_expired(wall_clock_ms()) == expired_max) {
      const auto turn = co_await gyre::sleep_for(0ns);
      if (!turn) co_return;
    }
    if (is_large() && !log_.failure()) co_await compact();
  }
}

std::size_t shard::remove_expired(std::int64_t now_ms) {
  std::size_t count = 0;
  while (count < expired_max && !deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
    expire(entries_.find(*deadlines_.begin()->second));
    ++count;
  }
  return count;
}

gyre::task<> shard::compact() {
  const auto done = co_await log_.compact([this](const record& change) { return is_live(change); });
  if (done || done.error() == std::errc::operation_canceled) co_return;
  // It goes on as it is, and is tried again when it has doubled.
  compact_from_ = 2 * log_.size();
  std::fprintf(stderr, "kv_server: %s can't be written anew: %s\n", log_name(number_).c_str(),
               done.error().message().c_str());
}

shard_facts shard::facts() const {
  shard_facts facts;
  facts.number = number_;
  facts.keys = entries_.size();
  facts.keys_with_deadline = deadlines_.size();
  facts.live_bytes = live_bytes_;
  facts.log_bytes = log_.size();
  facts.sequence = log_.last_sequence();
  facts.expired = expired_;
  facts.log = log_.counters();
  if (log_.failure()) facts.failure = "IOERR " + failure();
  return facts;
}

}  // namespace kv
