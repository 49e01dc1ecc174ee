#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace gyre {

/// Says that a caller broke a rule, and ends the process: `sentence` names the rule and what to do
/// instead. For programmer errors only; what the outside world can cause is a `result<T>`.
[[noreturn, gnu::cold]] inline void fail_check(
    const char* sentence, std::source_location where = std::source_location::current()) noexcept {
  std::fprintf(stderr, "gyre: %s (%s:%u, %s)\n", sentence, where.file_name(),
               static_cast<unsigned>(where.line()), where.function_name());
  std::abort();
}

/// Trips when `holds` is false. On in every build: a broken rule here means memory that the kernel
/// may still write to.
inline void check(bool holds, const char* sentence,
                  std::source_location where = std::source_location::current()) noexcept {
  if (!holds) [[unlikely]]
    fail_check(sentence, where);
}

}  // namespace gyre
