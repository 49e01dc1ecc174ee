#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre {

/// Where coroutine frames and the records of spawned tasks come from: free lists by size, one set
/// per thread, so that a steady state allocates nothing from the heap. A block may be freed on
/// another thread than the one that allocated it; it then serves that thread. Under
/// AddressSanitizer every block comes from the heap, so that a use after free is seen.
class frame_pool {
 public:
  /// Throws `std::bad_alloc` when memory is out.
  static void* allocate(std::size_t size);
  /// `size` must be what was asked for.
  static void deallocate(void* block, std::size_t size) noexcept;

  /// Blocks of this thread that are in use: allocated here less freed here. Tests compare it.
  static std::int64_t live() noexcept;
  /// How often this thread had to ask the heap. Stands still in a steady state.
  static std::uint64_t heap_allocations() noexcept;
};

}  // namespace gyre
