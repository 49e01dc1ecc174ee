#pragma once

#include <cstddef>
#include <optional>
#include <random>

#include "gyre/examples/http/block_pool.h"
#include "gyre/examples/http/counters.h"
#include "gyre/examples/http/date.h"
#include "gyre/examples/http/mime_types.h"
#include "gyre/examples/http/pipe_pool.h"
#include "gyre/examples/http/settings.h"
#include "gyre/examples/http/static_files.h"
#include "gyre/runtime/event.h"

namespace http {

class connection;
class server;

/// All that belongs to one loop. Its connections share nothing with those of other cores; who wants
/// something of another core posts a function there.
class core {
 public:
  core(server& all, unsigned number, const http::limits& limits, const mime_types& types,
       std::size_t connections_max)
      : all(all), number(number), limits(limits), types(types), connections_max(connections_max) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  server& all;
  const unsigned number;
  const http::limits& limits;
  const mime_types& types;
  const std::size_t connections_max;

  http::counters counters;
  block_pools blocks;
  pipe_pool pipes{64, 1024};
  date_clock dates;
  std::mt19937_64 random{std::random_device()()};
  std::optional<static_files> files;
  connection* connections = nullptr;  ///< all that are open

  gyre::event port_known;    ///< the first core listens, the others can follow
  gyre::event stopping;      ///< accept no more, finish what is in progress
  gyre::event accepted_all;  ///< no more connections come
  gyre::event finished;      ///< the last connection is closed, or there is no more time for them
  gyre::event room;          ///< a connection was closed
  gyre::event all_ended;     ///< on the first core: no other core has connections any more
};

}  // namespace http
