#pragma once

#include <cstdint>

/// The heap of a whole program, replaced by one that counts.
namespace gyre::counted_heap {

/// Blocks asked for since the program began, by any thread.
std::uint64_t allocations() noexcept;

/// Blocks that were not given back yet.
std::int64_t live() noexcept;

}  // namespace gyre::counted_heap
