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

enum class keeping : std::uint8_t { not_yet, yes, no_more };

struct heap_use {
  keeping keeps = keeping::not_yet;
  std::size_t given_up = 0;  // the size, by its place, whose idle blocks go first
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
  frame_pool_of_thread() noexcept {
    frame_pool::idle_.room += frame_pool::idle_bytes_max;
    heap.keeps = keeping::yes;
  }
  ~frame_pool_of_thread() { end(); }

  // What is freed from here on goes straight to the heap.
  static void end() noexcept {
    for (frame_pool::free_block*& first : frame_pool::idle_.first)
      while (first) give_to_heap(std::exchange(first, first->next));
    frame_pool::idle_.room = 0;
    heap.keeps = keeping::no_more;
  }

  static void begin() {
    static thread_local frame_pool_of_thread cleanup;
    (void)cleanup;
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
  if (reuse && heap.keeps == keeping::not_yet) frame_pool_of_thread::begin();
  if (heap.keeps == keeping::yes) make_room();
  if (idle_.room >= 0) return keep(block, size);
  idle_.room += room_for(size);
  give_to_heap(block);
}

// Of one size until nothing of it is idle, then of the next: so what nobody needs any more goes in
// the end, however much there is of it, and what is needed comes back and stays.
void frame_pool::make_room() noexcept {
  while (idle_.room < room_made) {
    free_block*& first = idle_.first[heap.given_up];
    if (first) {
      give_to_heap(std::exchange(first, first->next));
      idle_.room += static_cast<std::int64_t>((heap.given_up + 1) * granule);
    } else {
      heap.given_up = (heap.given_up + 1) % classes;
    }
  }
}

void frame_pool::keep_nothing() noexcept {
  frame_pool_of_thread::end();
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
