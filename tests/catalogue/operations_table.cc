#include "gyre/tests/catalogue/operations_table.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/io/catalogue.h"
#include "gyre/io/uring_backend.h"
#include "gyre/io/uring_report.h"
#include "gyre/runtime/operation.h"

namespace gyre {
namespace {

constexpr const char* introduction =
    R"(# Operations

Written by `./dev docs` from the code; a test compares them.

- **waits for**: what an operation may have to wait for. A *device* is a disk or a lock, which
  nobody can watch; the *network* an answer from another host, for which operations take at most
  half of a pool's threads; *events* are those that the system call does not wait for by itself.
- **uring**: an *opcode* is submitted to the ring, from the first Linux whose io_uring has it. A
  *system call* is made by the loop's thread: it never blocks, and would cost a kernel worker as a
  submission. The *pool* is the backend's own threads, for what blocks and would cost a worker too;
  a read of cached data is made at once. *Linked* operations are submitted together by these
  opcodes, where each of them has one: what blocks then costs one kernel worker for all of the link.
- **without the opcode**: what the uring backend does, for this operation alone, where the kernel
  lacks the opcode, or `uring_options::without` or the environment variable GYRE_WITHOUT switches it
  off. *No uring*: without this one, and without async_cancel, there is no such backend.
- *then poll*, *then epoll*: the call is made again when its descriptor is ready.
- *none*: no system call does this; the header of the operation says what it answers.

| operation | system call | waits for | uring | without the opcode | epoll | threads |
| --- | --- | --- | --- | --- | --- | --- |
)";

bool waits_for_descriptor(const operation_kind& kind) {
  return kind.waits_for != awaited_thing::nothing && kind.waits_for != awaited_thing::device &&
         kind.waits_for != awaited_thing::network;
}

const char* name_of(awaited_thing awaited) {
  switch (awaited) {
    case awaited_thing::nothing:
      return "nothing";
    case awaited_thing::reading:
      return "reading";
    case awaited_thing::writing:
      return "writing";
    case awaited_thing::events:
      return "events";
    case awaited_thing::device:
      return "device";
    case awaited_thing::network:
      return "network";
  }
  return "";
}

constexpr const char* no_call = "none";  // there is no such system call

bool is_called(const operation_kind& kind) {
  return std::string_view(kind.call) != no_call;
}

std::string on_uring(const operation_kind& kind) {
  if (kind.policy == ring_policy::submit)
    return "opcode " + std::to_string(kind.opcode) + ", Linux " + kind.since;
  std::string text = kind.policy == ring_policy::offload ? "pool" : "system call";
  if (waits_for_descriptor(kind)) text += ", then poll";
  if (kind.has_opcode())
    text += "; linked: opcode " + std::to_string(kind.opcode) + ", Linux " + kind.since;
  return text;
}

std::string without_opcode(const operation_kind& kind) {
  if (kind.policy != ring_policy::submit) return "the same";
  if (uring_backend::indispensable().test(kind.opcode)) return "no uring";
  return std::string(emulation_of(kind));
}

std::string on_epoll(const operation_kind& kind) {
  if (!is_called(kind)) return no_call;
  if (waits_for_descriptor(kind)) return "system call, then epoll";
  return kind.policy == ring_policy::perform ? "system call" : "pool";
}

std::string on_threads(const operation_kind& kind) {
  if (!is_called(kind)) return no_call;
  if (waits_for_descriptor(kind)) return "pool, then poll";
  return kind.policy == ring_policy::perform ? "system call" : "pool";
}

}  // namespace

std::string operations_table() {
  std::string text = introduction;
  std::vector<const operation_kind*> kinds = catalogue();
  std::ranges::sort(kinds, {},
                    [](const operation_kind* kind) { return std::string_view(kind->name); });
  for (const operation_kind* kind : kinds) {
    text.append("| `").append(kind->name).append("` | ").append(kind->call);
    for (const std::string& cell : {std::string(name_of(kind->waits_for)), on_uring(*kind),
                                    without_opcode(*kind), on_epoll(*kind), on_threads(*kind)})
      text.append(" | ").append(cell);
    text.append(" |\n");
  }
  return text;
}

}  // namespace gyre
