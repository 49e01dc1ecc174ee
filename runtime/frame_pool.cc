#include "gyre/runtime/frame_pool.h"

#include <array>
#include <new>

namespace gyre {
namespace {

// AddressSanitizer can only see a use after free of blocks that go back to the heap.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool reuse = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool reuse = false;
#else
constexpr bool reuse = true;
#endif
#else
constexpr bool reuse = true;
#endif

constexpr std::size_t granule = 64;
constexpr std::size_t classes = 64;
constexpr std::size_t pooled_max = granule * classes;
constexpr std::size_t idle_bytes_max = 8 << 20;

struct free_block {
  free_block* next;
};

struct thread_pool_state {
  std::array<free_block*, classes> idle{};
  std::size_t idle_bytes = 0;
  bool cleaned_up = false;  // when the thread ends
  std::int64_t live = 0;
  std::uint64_t heap_allocations = 0;
};

// Trivially destructible on purpose: reading it costs no initialisation check.
constinit thread_local thread_pool_state pool;

struct at_thread_exit {
  ~at_thread_exit() {
    for (free_block*& list : pool.idle) {
      while (free_block* block = list) {
        list = block->next;
        ::operator delete(block);
      }
    }
    pool.idle_bytes = idle_bytes_max;  // what is freed from here on goes straight to the heap
  }
};

std::size_t class_of(std::size_t size) noexcept {
  return (size - 1) / granule;
}

[[gnu::noinline]] void clean_up_at_thread_exit() {
  static thread_local at_thread_exit cleanup;
  (void)cleanup;
  pool.cleaned_up = true;
}

[[gnu::noinline]] void* allocate_from_heap(std::size_t size) {
  ++pool.heap_allocations;
  void* block = ::operator new(size <= pooled_max ? (class_of(size) + 1) * granule : size);
  ++pool.live;
  return block;
}

}  // namespace

void* frame_pool::allocate(std::size_t size) {
  if (reuse && size - 1 < pooled_max) {
    free_block*& list = pool.idle[class_of(size)];
    if (free_block* block = list) {
      list = block->next;
      pool.idle_bytes -= (class_of(size) + 1) * granule;
      ++pool.live;
      return block;
    }
  }
  return allocate_from_heap(size);
}

void frame_pool::deallocate(void* block, std::size_t size) noexcept {
  --pool.live;
  if (reuse && size - 1 < pooled_max && pool.idle_bytes < idle_bytes_max) {
    if (!pool.cleaned_up) clean_up_at_thread_exit();
    free_block*& list = pool.idle[class_of(size)];
    list = ::new (block) free_block{list};
    pool.idle_bytes += (class_of(size) + 1) * granule;
    return;
  }
  ::operator delete(block);
}

std::int64_t frame_pool::live() noexcept {
  return pool.live;
}
std::uint64_t frame_pool::heap_allocations() noexcept {
  return pool.heap_allocations;
}

}  // namespace gyre
