#include "gyre/runtime/manual_clock.h"

#include <cerrno>
#include <string>
#include <utility>

#include "gyre/runtime/check.h"
#include "gyre/runtime/dump_tasks.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

// What no descriptor tells of is done at once.
bool is_unwatched(const operation& operation) noexcept {
  const awaited_thing awaited = operation.kind().waits_for;
  return awaited == awaited_thing::device || awaited == awaited_thing::network;
}

}  // namespace

manual_clock::manual_clock(std::unique_ptr<backend> kernel) noexcept
    : backend_wrapper(std::move(kernel)), now_(inner().now()) {}

// One that finds a pipe full has to wait for a descriptor after all.
bool manual_clock::submit(operation& operation) noexcept {
  if (!is_unwatched(operation)) return inner().submit(operation);
  const int result = operation.perform();
  if (result == -EAGAIN && operation.ready_when().fd >= 0) return inner().submit(operation);
  operation.conclude(result);
  return true;
}

bool manual_clock::submit_linked(std::span<operation* const> operations, link_kind kind) noexcept {
  for (const operation* each : operations)
    if (is_unwatched(*each)) return false;
  return inner().submit_linked(operations, kind);
}

void manual_clock::wake() noexcept {
  woken_.store(true, std::memory_order_release);
  inner().wake();
}

void manual_clock::attach(loop& home) {
  home_ = &home;
  inner().attach(home);
}

void manual_clock::report_end() const {
  const std::string report =
      "all tasks wait, and nothing is left that could let one of them go on:\n" +
      text_of(dump_tasks(*home_));
  fail_check(report.c_str());
}

// Whether an operation ended or the loop was woken, in so much real time at most.
bool manual_clock::anything_within(std::chrono::nanoseconds span) noexcept {
  const std::uint64_t completed = counters().completed;
  const steady_time end = saturating_add(inner().now(), span);
  do {
    inner().poll(span > span.zero() ? end : no_wait);
    if (woken_.exchange(false, std::memory_order_acquire) || counters().completed != completed)
      return true;
  } while (inner().now() < end);
  return false;
}

void manual_clock::poll(steady_time until) noexcept {
  if (until == no_wait) return inner().poll(no_wait);
  if (anything_within(in_flight() ? std::chrono::nanoseconds(grace) : std::chrono::nanoseconds(0)))
    return;
  if (until != never) {
    if (until > now_) now_ = until;
  } else if (in_flight()) {
    inner().poll(never);
  } else if (!anything_within(patience)) {
    report_end();
  }
}

}  // namespace gyre
