#include "gyre/runtime/tracer.h"

#include "gyre/runtime/operation.h"
#include "gyre/runtime/probes.h"

namespace gyre {

using probes::gyre_come_by;
using probes::probe;

void tracer::spawned(const await_chain& chain) noexcept {
  gyre_come_by(probe::spawn, &chain, nullptr, 0);
  if (next) next->spawned(chain);
}

void tracer::resumed(const await_chain& chain) noexcept {
  gyre_come_by(probe::resume, &chain, nullptr, 0);
  if (next) next->resumed(chain);
}

void tracer::suspended() noexcept {
  gyre_come_by(probe::suspend, &home_, nullptr, 0);
  if (next) next->suspended();
}

void tracer::completed(const await_chain& chain) noexcept {
  gyre_come_by(probe::complete, &chain, nullptr, 0);
  if (next) next->completed(chain);
}

void tracer::operation_started(const operation& started) noexcept {
  gyre_come_by(probe::operation_start, &started, started.kind().name, 0);
  if (next) next->operation_started(started);
}

void tracer::operation_ended(const operation& ended, int result) noexcept {
  gyre_come_by(probe::operation_end, &ended, ended.kind().name, result);
  if (next) next->operation_ended(ended, result);
}

}  // namespace gyre
