#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace gyre {

/// Where coroutine frames and the records of spawned tasks come from: free lists by size, one set
/// per thread, so that a steady state allocates nothing from the heap. A block may be freed on
/// another thread than the one that allocated it; it then serves that thread. Under
/// AddressSanitizer every block comes from the heap, so that a use after free is seen.
class frame_pool {
 public:
  /// Throws `std::bad_alloc` when memory is out.
  static void* allocate(std::size_t size) {
    if (size - 1 < pooled_max) {
      free_block*& first = idle_.first[class_of(size)];
      if (first) [[likely]] {
        idle_.room += room_for(size);
        return std::exchange(first, first->next);
      }
    }
    return allocate_from_heap(size);
  }

  /// `size` must be what was asked for.
  static void deallocate(void* block, std::size_t size) noexcept {
    if (size - 1 >= pooled_max) [[unlikely]]
      return deallocate_unpooled(block);
    if ((idle_.room -= room_for(size)) < 0) [[unlikely]]
      return deallocate_without_room(block, size);
    keep(block, size);
  }

  /// Blocks of this thread that are in use: allocated here less freed here. Tests compare it; it
  /// counts those that are idle.
  static std::int64_t live() noexcept;
  /// Gives back what this thread has at hand, and keeps nothing from here on: every block then
  /// comes from the heap. For tests that fail allocations, or watch what was freed.
  static void keep_nothing() noexcept;
  /// How often this thread had to ask the heap. Stands still in a steady state.
  static std::uint64_t heap_allocations() noexcept;

 private:
  friend class frame_pool_of_thread;
  struct free_block {
    free_block* next;
  };
  static constexpr std::size_t granule = 64;
  static constexpr std::size_t classes = 64;
  static constexpr std::size_t pooled_max = granule * classes;
  static constexpr std::int64_t idle_bytes_max = 8 << 20;
  static constexpr std::int64_t room_made = 16 << 10;

  /// What a thread has at hand. Trivially destructible on purpose: reading it costs no
  /// initialisation check. There is no room until the thread's end is known to clean it up.
  struct idle_blocks {
    std::array<free_block*, classes> first{};
    std::int64_t room = 0;  // for so many bytes more
  };

  static constexpr std::size_t class_of(std::size_t size) noexcept { return (size - 1) / granule; }
  static constexpr std::size_t rounded(std::size_t size) noexcept {
    return (class_of(size) + 1) * granule;
  }
  static constexpr std::int64_t room_for(std::size_t size) noexcept {
    return static_cast<std::int64_t>(rounded(size));
  }
  static void keep(void* block, std::size_t size) noexcept {
    free_block*& first = idle_.first[class_of(size)];
    first = ::new (block) free_block{first};
  }
  static void* allocate_from_heap(std::size_t size);
  static void deallocate_unpooled(void* block) noexcept;
  static void deallocate_without_room(void* block, std::size_t size) noexcept;
  static void make_room() noexcept;

  static constinit thread_local idle_blocks idle_;
};

}  // namespace gyre
