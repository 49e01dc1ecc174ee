#include "gyre/tests/conformance/checking_backend.h"

#include <algorithm>
#include <cstdio>

#include "gyre/runtime/check.h"
#include "gyre/tests/conformance/kernel_memory.h"
#include "gyre/tests/heap/hostile_heap.h"

namespace gyre::conformance {

checking_backend::watched::watched(class operation& each)
    : operation(&each), name(each.name()), memory(kernel_memory_of(each)) {}

bool checking_backend::submit(operation& operation) noexcept {
  in_flight_.emplace_back(operation);  // asked while it is there for certain
  if (!inner().submit(operation)) return false;
  in_flight_.pop_back();
  return true;
}

bool checking_backend::submit_linked(std::span<operation* const> operations,
                                     link_kind kind) noexcept {
  if (!inner().submit_linked(operations, kind)) return false;
  for (operation* each : operations) in_flight_.emplace_back(*each);
  return true;
}

void checking_backend::cancel(operation& operation) noexcept {
  inner().cancel(operation);
  if (operation.in_flight()) return;
  std::erase_if(in_flight_, [&](const watched& each) { return each.operation == &operation; });
}

void checking_backend::cancel_all(const descriptor_users& users) noexcept {
  inner().cancel_all(users);
  forget_ended();
}

void checking_backend::poll(steady_time until) noexcept {
  for (const watched& each : in_flight_) expect_alive(each);
  inner().poll(until);
  forget_ended();
  const backend_counters& counters = inner().counters();
  check(counters.submitted - counters.completed == in_flight_.size(),
        "an operation was ended by somebody else than its backend, and the kernel may have it");
}

void checking_backend::expect_alive(const watched& each) const noexcept {
  const bool freed = hostile_heap::is_freed(each.operation, sizeof *each.operation);
  if (freed) std::fprintf(stderr, "gyre: %s\n", each.name);
  check(!freed, "an operation was freed while the kernel may have it");
  for (const std::span<const std::byte> part : each.memory) {
    if (!hostile_heap::is_freed(part.data(), part.size())) continue;
    std::fprintf(stderr, "gyre: %s, %zu bytes\n", each.name, part.size());
    fail_check("memory of an operation was freed while the kernel may use it");
  }
}

// Nothing that ended in a call of the backend has been resumed yet: it is all still there.
void checking_backend::forget_ended() noexcept {
  std::erase_if(in_flight_, [this](const watched& each) {
    expect_alive(each);
    return !each.operation->in_flight();
  });
}

}  // namespace gyre::conformance
