#pragma once

namespace gyre {

extern "C" {
/// Above 0 while somebody is attached to a probe. The kernel's, or a debugger's, to write.
[[gnu::visibility("hidden")]] extern unsigned short gyre_probes_semaphore;
}

/// Static probes (USDT) for tracers from outside, as bpftrace, perf and gdb: of provider `gyre`,
/// with addresses as arguments: `spawn(chain)`, `resume(chain)`, `suspend(loop)`,
/// `complete(chain)`, `operation_start(operation, name)` and `operation_end(operation, name,
/// result)`, where a name is that of docs/operations.md. What they mean says `loop_observer`. They
/// are in each program that was built where <sys/sdt.h> is (systemtap-sdt-dev).
///
///     bpftrace -e 'usdt:./http_server:gyre:operation_end { @[str(arg1)] = hist(arg2); }'
///
/// Who attaches to a probe raises its semaphore, as those do. Each loop looks at that once a turn,
/// and then has a `tracer` for its observer: without one probes cost nothing else.
namespace probes {

/// Whether there are any.
extern const bool built_in;

/// Whether somebody is attached to one.
inline bool wanted() noexcept {
  return __atomic_load_n(&gyre_probes_semaphore, __ATOMIC_RELAXED) != 0;
}

enum class probe { spawn, resume, suspend, complete, operation_start, operation_end };

/// Goes by `which`, with what it has for arguments; the others are 0.
extern "C" void gyre_come_by(probe which, const void* what, const char* name, int result) noexcept;

}  // namespace probes
}  // namespace gyre
