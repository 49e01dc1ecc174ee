#pragma once

#include <string>
#include <vector>

#include "gyre/examples/http/counters.h"
#include "gyre/net/server.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/loop.h"
#include "gyre/runtime/operation_metrics.h"
#include "gyre/runtime/task.h"

namespace http {

class core;
class server;

/// What one core has done, at a moment: a copy that was made on its own thread.
class core_sample {
 public:
  explicit core_sample(const core& home);

  unsigned core;
  std::size_t open;
  gyre::server_counters accepting;
  http::counters connections;
  gyre::loop_counters loop;
  gyre::backend_counters kernel;
  std::uint64_t frame_allocations;
  std::vector<gyre::operation_metrics> operations;
  std::vector<gyre::latency_class_report> classes;  ///< none where the loop never had any
};

/// Asks each core for a sample, and writes them down in the text format of Prometheus. Called by a
/// task of `asking`. A core that has ended, or does not answer within a second, is left out. What
/// each loop's backend said of itself follows.
gyre::task<std::string> collect_metrics(server& all, core& asking);

}  // namespace http
