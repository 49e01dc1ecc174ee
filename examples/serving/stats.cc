#include "gyre/examples/serving/stats.h"

#include <cstdio>
#include <string_view>

#include "gyre/io/quirks.h"
#include "gyre/runtime/frame_pool.h"
#include "gyre/runtime/latency_class.h"
#include "gyre/runtime/loop.h"

namespace serving {

std::string loop_stats() {
  gyre::loop& loop = gyre::loop::current();
  return std::to_string(loop.counters().turns) + " turns, " +
         std::to_string(gyre::frame_pool::heap_allocations()) + " frames from the heap\n" +
         loop.metrics().text() + gyre::text_of(gyre::latency_classes(loop)) +
         loop.kernel().report().text();
}

void print_quirks() {
  std::string names;
  for (const std::string_view each : gyre::quirks_here()) names.append(" ").append(each);
  std::printf("quirks of this kernel (docs/quirks.md):%s\n",
              names.empty() ? " none" : names.c_str());
}

}  // namespace serving
