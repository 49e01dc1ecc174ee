#pragma once

#include <cstdint>

namespace http {

/// How often this process has called `operator new`, on all threads. Linking this in replaces the
/// global operators; they do what the standard ones do, and count.
std::uint64_t heap_allocations() noexcept;

}  // namespace http
