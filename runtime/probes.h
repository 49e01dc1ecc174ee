#pragma once

#if defined(GYRE_PROBES) && __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif

#include "gyre/runtime/loop_observer.h"

namespace gyre {

/// Static probes (USDT) for tracers from outside, as bpftrace and perf: an instruction that does
/// nothing each, until one is attached. Of provider `gyre`, with addresses as arguments:
/// `spawn(chain)`, `resume(chain)`, `suspend(loop)`, `complete(chain)`,
/// `operation_start(operation, name)` and `operation_end(operation, name, result)`, where a name is
/// that of docs/operations.md. What they mean says `loop_observer`. They are there in what is
/// compiled with GYRE_PROBES defined and <sys/sdt.h> (systemtap-sdt-dev): not by default, since the
/// gold linker gives up where it drops a function that has one.
///
///     bpftrace -e 'usdt:./http_server:gyre:operation_end { @[str(arg1)] = hist(arg2); }'
namespace probes {

#ifdef STAP_PROBE1

/// Whether there are any.
inline constexpr bool built_in = true;

inline void spawn(const await_chain* chain) noexcept {
  STAP_PROBE1(gyre, spawn, chain);
}
inline void resume(const await_chain* chain) noexcept {
  STAP_PROBE1(gyre, resume, chain);
}
inline void suspend(const void* loop) noexcept {
  STAP_PROBE1(gyre, suspend, loop);
}
inline void complete(const await_chain* chain) noexcept {
  STAP_PROBE1(gyre, complete, chain);
}
inline void operation_start(const operation* started, const char* name) noexcept {
  STAP_PROBE2(gyre, operation_start, started, name);
}
inline void operation_end(const operation* ended, const char* name, int result) noexcept {
  STAP_PROBE3(gyre, operation_end, ended, name, result);
}

#else

inline constexpr bool built_in = false;

inline void spawn(const await_chain*) noexcept {}
inline void resume(const await_chain*) noexcept {}
inline void suspend(const void*) noexcept {}
inline void complete(const await_chain*) noexcept {}
inline void operation_start(const operation*, const char*) noexcept {}
inline void operation_end(const operation*, const char*, int) noexcept {}

#endif

}  // namespace probes
}  // namespace gyre
