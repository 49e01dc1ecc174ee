#pragma once

#include <optional>
#include <random>
#include <utility>

#include "gyre/examples/http/block_pool.h"
#include "gyre/examples/http/counters.h"
#include "gyre/examples/http/date.h"
#include "gyre/examples/http/mime_types.h"
#include "gyre/examples/http/pipe_pool.h"
#include "gyre/examples/http/settings.h"
#include "gyre/examples/http/static_files.h"
#include "gyre/net/server.h"
#include "gyre/runtime/latency_class.h"

namespace http {

class connection;
class server;

/// All that belongs to one loop. Its connections share nothing with those of other cores; who wants
/// something of another core posts a function there.
class core {
 public:
  core(server& all, unsigned number, const http::limits& limits, const mime_types& types,
       gyre::server_options options)
      : all(all), number(number), limits(limits), types(types), accepting(std::move(options)) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  server& all;
  const unsigned number;
  const http::limits& limits;
  const mime_types& types;

  gyre::server accepting;
  http::counters counters;
  block_pools blocks;
  pipe_pool pipes{64, 1024};
  date_clock dates;
  std::mt19937_64 random{std::random_device()()};
  std::optional<static_files> files;
  connection* connections = nullptr;          ///< all that are open
  gyre::latency_class* background = nullptr;  ///< of what is in no hurry, if there is one
};

}  // namespace http
