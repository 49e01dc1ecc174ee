#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gyre/examples/kv/settings.h"
#include "gyre/examples/kv/shard.h"
#include "gyre/fs/directory.h"
#include "gyre/net/server.h"
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
  core(server& all, unsigned number, const kv::settings& settings, gyre::server_options options)
      : all(all), number(number), settings(settings), accepting(std::move(options)) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  server& all;
  const unsigned number;
  const kv::settings& settings;

  gyre::server accepting;
  kv::counters counters;
  std::optional<gyre::directory> directory;
  std::vector<std::unique_ptr<shard>> shards;
  connection* connections = nullptr;  ///< all that are open

  gyre::event laid_out;  ///< by the first core: the directory is there, and how many shards
};

}  // namespace kv
