#include "gyre/tests/heap/counted_heap.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

constinit std::atomic<std::uint64_t> allocated = 0;
constinit std::atomic<std::uint64_t> freed = 0;

void* count(void* block) {
  if (!block) throw std::bad_alloc();
  allocated.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void give_back(void* block) noexcept {
  if (block) freed.fetch_add(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

namespace gyre::counted_heap {

std::uint64_t allocations() noexcept {
  return allocated.load(std::memory_order_relaxed);
}

std::int64_t live() noexcept {
  return static_cast<std::int64_t>(allocations() - freed.load(std::memory_order_relaxed));
}

}  // namespace gyre::counted_heap

// All other forms of new and delete end up in these.

void* operator new(std::size_t size) {
  return count(std::malloc(size > 0 ? size : 1));
}

// AddressSanitizer's own would not end up in the one above.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  void* block = nullptr;
  if (posix_memalign(&block, static_cast<std::size_t>(alignment), size) != 0) block = nullptr;
  return count(block);
}

void operator delete(void* block) noexcept {
  give_back(block);
}

void operator delete(void* block, std::size_t) noexcept {
  give_back(block);
}

void operator delete(void* block, std::align_val_t) noexcept {
  give_back(block);
}

void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  give_back(block);
}
