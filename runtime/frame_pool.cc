#include "gyre/runtime/frame_pool.h"

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

struct heap_use {
  bool cleaned_up = false;  // when the thread ends
  std::uint64_t allocations = 0;
  std::uint64_t deallocations = 0;
};

constinit thread_local heap_use heap;

void give_to_heap(void* block) noexcept {
  ++heap.deallocations;
  ::operator delete(block);
}

}  // namespace

constinit thread_local frame_pool::idle_blocks frame_pool::idle_;

/// Frees what a thread has at hand when it ends.
class frame_pool_of_thread {
 public:
  frame_pool_of_thread() noexcept { frame_pool::idle_.room = frame_pool::idle_bytes_max; }
  ~frame_pool_of_thread() { empty(); }

  // What is freed from here on goes straight to the heap.
  static void empty() noexcept {
    for (frame_pool::free_block*& first : frame_pool::idle_.first)
      while (first) give_to_heap(std::exchange(first, first->next));
    frame_pool::idle_.room = 0;
  }

  static void clean_up_at_exit() {
    static thread_local frame_pool_of_thread cleanup;
    (void)cleanup;
    heap.cleaned_up = true;
  }
};

void* frame_pool::allocate_from_heap(std::size_t size) {
  void* block = ::operator new(size - 1 < pooled_max ? rounded(size) : size);
  ++heap.allocations;
  return block;
}

void frame_pool::deallocate_unpooled(void* block) noexcept {
  give_to_heap(block);
}

void frame_pool::deallocate_without_room(void* block, std::size_t size) noexcept {
  idle_.room += room_for(size);
  if (!reuse || heap.cleaned_up) return give_to_heap(block);
  frame_pool_of_thread::clean_up_at_exit();
  idle_.room -= room_for(size);
  keep(block, size);
}

void frame_pool::keep_nothing() noexcept {
  frame_pool_of_thread::empty();
  heap.cleaned_up = true;
}

std::int64_t frame_pool::live() noexcept {
  auto blocks = static_cast<std::int64_t>(heap.allocations - heap.deallocations);
  for (const free_block* each : idle_.first)
    for (; each; each = each->next) --blocks;
  return blocks;
}

std::uint64_t frame_pool::heap_allocations() noexcept {
  return heap.allocations;
}

}  // namespace gyre
