#include "gyre/examples/kv/info.h"

#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "gyre/examples/kv/server.h"

namespace kv {
namespace {

/// Text by lines, which end as the protocol's do.
class sections {
 public:
  void begin(std::string_view name) {
    if (!text_.empty()) text_.append("\r\n");
    text_.append("# ").append(name).append("\r\n");
  }
  void add(std::string_view name, std::string_view value) {
    text_.append(name).append(":").append(value).append("\r\n");
  }
  void add(std::string_view name, std::uint64_t number) { add(name, std::to_string(number)); }

  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string shard_line(const shard_facts& facts) {
  std::string line = "core=" + std::to_string(facts.core);
  const auto add = [&](std::string_view name, std::uint64_t number) {
    line.append(",").append(name).append("=").append(std::to_string(number));
  };
  add("keys", facts.keys);
  add("log_bytes", facts.log_bytes);
  add("live_bytes", facts.live_bytes);
  add("sequence", facts.sequence);
  add("records", facts.log.records);
  add("groups", facts.log.groups);
  add("compactions", facts.log.compactions);
  add("cut_bytes", facts.log.cut_bytes);
  line.append(",log=").append(facts.failure.empty() ? "ok" : facts.failure);
  return line;
}

}  // namespace

std::string info_text(server& all, const std::vector<shard_facts>& shards) {
  const settings& settings = all.settings();
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;
  std::uint64_t commands = 0;
  for (unsigned number = 0; number < all.cores().count(); ++number) {
    const counters& each = all.core_at(number).counters;
    accepted += each.accepted;
    open += each.open;
    commands += each.commands;
  }
  std::uint64_t keys = 0;
  std::uint64_t with_deadline = 0;
  std::uint64_t expired = 0;
  for (const shard_facts& each : shards) {
    keys += each.keys;
    with_deadline += each.keys_with_deadline;
    expired += each.expired;
  }
  sections lines;
  lines.begin("Server");
  lines.add("server_name", "kv_server");
  lines.add("process_id", static_cast<std::uint64_t>(getpid()));
  lines.add("tcp_port", all.port());
  lines.add("cores", all.cores().count());
  lines.add("shards", shards.size());
  lines.add("backend", all.cores().report(0).backend);
  lines.begin("Clients");
  lines.add("connected_clients", open);
  lines.add("maxclients", settings.limits.connections_max);
  lines.begin("Persistence");
  lines.add("directory", settings.directory);
  lines.add("sync", settings.sync ? "yes" : "no");
  for (const shard_facts& each : shards)
    lines.add("shard" + std::to_string(each.number), shard_line(each));
  lines.begin("Stats");
  lines.add("total_connections_received", accepted);
  lines.add("total_commands_processed", commands);
  lines.add("expired_keys", expired);
  lines.begin("Keyspace");
  if (keys > 0)
    lines.add("db0", "keys=" + std::to_string(keys) + ",expires=" + std::to_string(with_deadline));
  return std::move(lines).text();
}

}  // namespace kv
