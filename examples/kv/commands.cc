#include "gyre/examples/kv/commands.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "gyre/examples/kv/resp.h"
#include "gyre/examples/kv/text.h"
#include "gyre/examples/kv/wall_clock.h"

namespace kv {
namespace {

using arguments = std::span<const std::string_view>;
using planner = plan (*)(arguments, round&);

constexpr std::size_t any = std::numeric_limits<std::size_t>::max();

class command_kind {
 public:
  std::string_view name;
  std::size_t least;  // arguments, the name among them
  std::size_t most;
  planner plan;
};

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::ranges::equal(a, b, {}, upper, upper);
}

plan answer(round& round, const std::string& reply) {
  round.answer(reply);
  return plan::go_on;
}

plan say(round& round, std::string_view text) {
  std::string reply;
  resp::append_simple(reply, text);
  return answer(round, reply);
}

plan refuse(round& round, std::string_view sentence) {
  std::string reply;
  resp::append_error(reply, sentence);
  return answer(round, reply);
}

plan refuse_syntax(round& round) {
  return refuse(round, "ERR syntax error");
}

/// A deadline in milliseconds since 1970 from a number of this unit, that counts from `start_ms`.
/// Nothing where it overflows.
std::optional<std::int64_t> deadline(std::int64_t number, std::int64_t unit_ms,
                                     std::int64_t start_ms) noexcept {
  std::int64_t span_ms = 0;
  std::int64_t sum_ms = 0;
  if (__builtin_mul_overflow(number, unit_ms, &span_ms) ||
      __builtin_add_overflow(span_ms, start_ms, &sum_ms))
    return std::nullopt;
  return sum_ms;
}

plan one_step(round& round, const step& only) {
  round.begin(merging::alone);
  round.add(only);
  return plan::go_on;
}

plan each_key(arguments words, round& round, action what, merging how) {
  round.begin(how);
  for (const std::string_view key : words.subspan(1)) round.add(step(what, key));
  return plan::go_on;
}

plan plan_ping(arguments words, round& round) {
  if (words.size() == 1) return say(round, "PONG");
  std::string reply;
  resp::append_bulk(reply, words[1]);
  return answer(round, reply);
}

plan plan_get(arguments words, round& round) {
  return one_step(round, step(action::get, words[1]));
}
plan plan_mget(arguments words, round& round) {
  return each_key(words, round, action::get, merging::array);
}
plan plan_del(arguments words, round& round) {
  return each_key(words, round, action::remove, merging::sum);
}
plan plan_exists(arguments words, round& round) {
  return each_key(words, round, action::exists, merging::sum);
}

/// How a number that `set` is given after one of these words means a time.
class time_option {
 public:
  std::string_view name;
  std::int64_t unit_ms;
  bool from_now;
};
constexpr std::array<time_option, 4> time_options = {
    {{"EX", 1000, true}, {"PX", 1, true}, {"EXAT", 1000, false}, {"PXAT", 1, false}}};

const time_option* time_option_of(std::string_view word) noexcept {
  for (const time_option& each : time_options)
    if (equal_ignoring_case(word, each.name)) return &each;
  return nullptr;
}

plan plan_set(arguments words, round& round) {
  step set(action::set, words[1]);
  set.value = words[2];
  bool timed = false;
  for (std::size_t at = 3; at < words.size(); ++at) {
    const std::string_view word = words[at];
    if (set.rule == set_rule::always && equal_ignoring_case(word, "NX")) {
      set.rule = set_rule::if_absent;
    } else if (set.rule == set_rule::always && equal_ignoring_case(word, "XX")) {
      set.rule = set_rule::if_present;
    } else if (!timed && equal_ignoring_case(word, "KEEPTTL")) {
      set.keep_deadline = timed = true;
    } else if (const time_option* option = time_option_of(word);
               option && !timed && at + 1 < words.size()) {
      const auto number = integer(words[++at]);
      if (!number) return refuse(round, "ERR value is not an integer or out of range");
      const auto when = deadline(*number, option->unit_ms, option->from_now ? wall_clock_ms() : 0);
      if (*number <= 0 || !when) return refuse(round, "ERR invalid expire time in 'set' command");
      set.deadline_ms = *when;
      timed = true;
    } else {
      return refuse_syntax(round);
    }
  }
  return one_step(round, set);
}

plan add(round& round, std::string_view key, std::int64_t by) {
  step add(action::add, key);
  add.by = by;
  return one_step(round, add);
}

plan plan_incr(arguments words, round& round) {
  return add(round, words[1], 1);
}
plan plan_decr(arguments words, round& round) {
  return add(round, words[1], -1);
}
plan plan_incrby(arguments words, round& round) {
  const auto by = integer(words[2]);
  if (!by) return refuse(round, "ERR value is not an integer or out of range");
  return add(round, words[1], *by);
}

plan expire(arguments words, round& round, std::int64_t unit_ms) {
  const auto number = integer(words[2]);
  if (!number) return refuse(round, "ERR value is not an integer or out of range");
  const auto when = deadline(*number, unit_ms, wall_clock_ms());
  if (!when)
    return refuse(round, unit_ms == 1 ? "ERR invalid expire time in 'pexpire' command"
                                      : "ERR invalid expire time in 'expire' command");
  step expire(action::expire, words[1]);
  expire.deadline_ms = *when;
  return one_step(round, expire);
}

plan plan_expire(arguments words, round& round) {
  return expire(words, round, 1000);
}
plan plan_pexpire(arguments words, round& round) {
  return expire(words, round, 1);
}
plan plan_persist(arguments words, round& round) {
  return one_step(round, step(action::persist, words[1]));
}
plan plan_ttl(arguments words, round& round) {
  step time_left(action::time_left, words[1]);
  time_left.in_seconds = true;
  return one_step(round, time_left);
}
plan plan_pttl(arguments words, round& round) {
  return one_step(round, step(action::time_left, words[1]));
}

plan plan_info(arguments, round&) {
  return plan::info;
}
plan plan_dbsize(arguments, round&) {
  return plan::dbsize;
}
plan plan_quit(arguments, round& round) {
  say(round, "OK");
  return plan::end;
}

plan plan_select(arguments words, round& round) {
  if (words[1] == "0") return say(round, "OK");
  return refuse(round, "ERR DB index is out of range, expected 0");
}

/// RESP2 is what there is: a client that wants another version goes on with it.
plan plan_hello(arguments words, round& round) {
  if (words.size() > 1 && words[1] != "2")
    return refuse(round, "NOPROTO unsupported protocol version, expected 2");
  if (words.size() > 2) return refuse_syntax(round);
  std::string reply;
  resp::append_array(reply, 6);
  resp::append_bulk(reply, "server");
  resp::append_bulk(reply, "kv_server");
  resp::append_bulk(reply, "proto");
  resp::append_integer(reply, 2);
  resp::append_bulk(reply, "mode");
  resp::append_bulk(reply, "standalone");
  return answer(round, reply);
}

/// redis-benchmark asks for two settings and prints them.
plan plan_config(arguments words, round& round) {
  if (words.size() != 3 || !equal_ignoring_case(words[1], "GET"))
    return refuse(round, "ERR nothing can be configured, expected CONFIG GET and one name");
  const bool save = equal_ignoring_case(words[2], "save");
  const bool known = save || equal_ignoring_case(words[2], "appendonly");
  std::string reply;
  resp::append_array(reply, known ? 2 : 0);
  if (known) resp::append_bulk(reply, words[2]);
  if (known) resp::append_bulk(reply, save ? "" : "yes");
  return answer(round, reply);
}

/// redis-cli asks for what it could show while one types: nothing.
plan plan_command_list(arguments, round& round) {
  return answer(round, "*0\r\n");
}

/// Clients tell their names, and nobody wants to know.
plan plan_client(arguments words, round& round) {
  if (equal_ignoring_case(words[1], "SETNAME") || equal_ignoring_case(words[1], "SETINFO"))
    return say(round, "OK");
  return refuse(round, "ERR unknown subcommand " + quoted(words[1]) + " of CLIENT");
}

constexpr std::array<command_kind, 24> commands = {{
    {"GET", 2, 2, plan_get},         {"SET", 3, 8, plan_set},
    {"DEL", 2, any, plan_del},       {"MGET", 2, any, plan_mget},
    {"INCR", 2, 2, plan_incr},       {"INCRBY", 3, 3, plan_incrby},
    {"DECR", 2, 2, plan_decr},       {"EXISTS", 2, any, plan_exists},
    {"EXPIRE", 3, 3, plan_expire},   {"PEXPIRE", 3, 3, plan_pexpire},
    {"PERSIST", 2, 2, plan_persist}, {"TTL", 2, 2, plan_ttl},
    {"PTTL", 2, 2, plan_pttl},       {"PING", 1, 2, plan_ping},
    {"ECHO", 2, 2, plan_ping},       {"INFO", 1, any, plan_info},
    {"DBSIZE", 1, 1, plan_dbsize},   {"SELECT", 2, 2, plan_select},
    {"QUIT", 1, any, plan_quit},     {"HELLO", 1, any, plan_hello},
    {"CONFIG", 2, any, plan_config}, {"COMMAND", 1, any, plan_command_list},
    {"CLIENT", 2, any, plan_client}, {"UNLINK", 2, any, plan_del},
}};

}  // namespace

plan plan_command(std::span<const std::string_view> words, round& round) {
  for (const command_kind& each : commands) {
    if (!equal_ignoring_case(words[0], each.name)) continue;
    if (words.size() >= each.least && words.size() <= each.most) return each.plan(words, round);
    return refuse(round, "ERR wrong number of arguments for " + quoted(words[0]));
  }
  return refuse(round, "ERR unknown command " + quoted(words[0]));
}

}  // namespace kv
