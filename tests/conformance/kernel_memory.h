#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "gyre/runtime/operation.h"

namespace gyre::conformance {

/// The memory that the kernel reads or writes while `asked` is in flight: the buffers that it was
/// given, and what describes them. Empty for operations without an opcode, whose system calls are
/// made when all is there, and for those that name no memory but paths.
std::vector<std::span<const std::byte>> kernel_memory_of(operation& asked);

}  // namespace gyre::conformance
