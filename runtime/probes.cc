#include "gyre/runtime/probes.h"

#if __has_include(<sys/sdt.h>)
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#endif

namespace gyre {

extern "C" {

[[gnu::section(".probes")]] unsigned short gyre_probes_semaphore = 0;

#ifdef STAP_PROBE1

// Each probe has its own by its name. Here they are one: a loop asks whether there is anybody.
[[gnu::visibility("hidden"),
  gnu::alias("gyre_probes_semaphore")]] extern unsigned short gyre_spawn_semaphore,
    gyre_resume_semaphore, gyre_suspend_semaphore, gyre_complete_semaphore,
    gyre_operation_start_semaphore, gyre_operation_end_semaphore;

// What the notes count addresses from: without it they are worth nothing.
[[gnu::visibility("hidden"), gnu::weak]] extern const char base_of_notes asm("_.stapsdt.base");

#endif
}

namespace probes {
// All of them are in one function, which the linker is told to keep (see BUILD.bazel), and what
// they need is mentioned there: else linkers drop it, and the gold linker gives up where it drops a
// function that has a probe.
extern "C" void gyre_come_by(probe which, const void* what, const char* name, int result) noexcept {
#ifdef STAP_PROBE1
  asm volatile("" : : "r"(&base_of_notes), "r"(&gyre_probes_semaphore));
  switch (which) {
    case probe::spawn:
      STAP_PROBE1(gyre, spawn, what);
      break;
    case probe::resume:
      STAP_PROBE1(gyre, resume, what);
      break;
    case probe::suspend:
      STAP_PROBE1(gyre, suspend, what);
      break;
    case probe::complete:
      STAP_PROBE1(gyre, complete, what);
      break;
    case probe::operation_start:
      STAP_PROBE2(gyre, operation_start, what, name);
      break;
    case probe::operation_end:
      STAP_PROBE3(gyre, operation_end, what, name, result);
      break;
  }
#else
  (void)which, (void)what, (void)name, (void)result;
#endif
}

#ifdef STAP_PROBE1
const bool built_in = true;
#else
const bool built_in = false;
#endif

}  // namespace probes
}  // namespace gyre
