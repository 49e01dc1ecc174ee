#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gyre/examples/kv/settings.h"
#include "gyre/examples/kv/shard.h"
#include "gyre/fs/directory.h"
#include "gyre/runtime/event.h"

namespace kv {

class connection;
class server;

/// What the connections of a core did. Other cores only read them, for INFO.
class counters {
 public:
  counters() noexcept {}

  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> open = 0;  ///< connections, now
  std::atomic<std::uint64_t> commands = 0;
  std::uint64_t rounds = 0;  ///< of reading, answering and writing
};

/// All that belongs to one loop.
class core {
 public:
  core(server& all, unsigned number, const kv::settings& settings, std::size_t connections_max)
      : all(all), number(number), settings(settings), connections_max(connections_max) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  server& all;
  const unsigned number;
  const kv::settings& settings;
  const std::size_t connections_max;

  kv::counters counters;
  std::optional<gyre::directory> directory;
  std::vector<std::unique_ptr<shard>> shards;
  connection* connections = nullptr;  ///< all that are open

  gyre::event laid_out;      ///< by the first core: the directory is there, and how many shards
  gyre::event opened;        ///< all shards of all cores
  gyre::event port_known;    ///< the first core listens, the others can follow
  gyre::event stopping;      ///< accept no more, finish what is in progress
  gyre::event accepted_all;  ///< no more connections come
  gyre::event finished;      ///< the last connection is closed, or there is no more time for them
  gyre::event room;          ///< a connection was closed
  gyre::event all_finished;  ///< no core has connections any more: no shard is asked for anything
  gyre::event all_ended;     ///< on the first core: all logs are closed
};

}  // namespace kv
