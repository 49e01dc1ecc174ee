#include "gyre/tests/heap/hostile_heap.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define GYRE_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GYRE_ASAN
#endif
#endif

#ifdef GYRE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace {

#ifdef GYRE_ASAN
constexpr bool watched_by_asan = true;
#else
constexpr bool watched_by_asan = false;
void* __asan_region_is_poisoned(void*, std::size_t) {
  return nullptr;
}
#endif

struct of_thread {
  std::uint64_t asked_for = 0;
  std::uint64_t first_failure = 0;  // 0: none
  std::uint64_t last_failure = 0;
};

constinit thread_local of_thread mine;
constinit std::atomic<std::uint64_t> first_failure_of_backends = 0;  // 0: none
constinit std::atomic<std::uint64_t> last_failure_of_backends = 0;
constinit std::atomic<bool> failed = false;
constinit std::atomic<std::int64_t> live_blocks = 0;
constinit std::atomic<bool> quarantined = false;

/// Pages that are handed out one after the other, and again only when all others have been.
class page_ring {
 public:
  /// Null where it has no room.
  void* take(std::size_t size, std::size_t alignment) noexcept {
    size = (size + alignment - 1) / alignment * alignment;
    const std::size_t count = std::max<std::size_t>(1, (size + page - 1) / page);
    const std::lock_guard lock(mutex_);
    if (alignment > page || count > count_max || used_ + count > used_max || !reserve())
      return nullptr;
    const std::size_t first = find_room(count);
    if (first == pages) return nullptr;
    std::byte* const start = start_ + first * page;
    if (mprotect(start, count * page, PROT_READ | PROT_WRITE) != 0) return nullptr;
    std::fill_n(pages_.begin() + static_cast<std::ptrdiff_t>(first), count, state::used);
    lengths_[first] = static_cast<std::uint16_t>(count);
    used_ += count;
    next_ = first + count;
    return start + count * page - std::max<std::size_t>(size, alignment);
  }

  void give_back(void* block) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t first = page_of(block);
    const std::size_t count = lengths_[first];
    // New pages in place of the old ones, which costs one system call and no memory.
    if (mmap(start_ + first * page, count * page, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
      std::abort();
    std::fill_n(pages_.begin() + static_cast<std::ptrdiff_t>(first), count, state::freed);
    used_ -= count;
  }

  bool has(const void* block) const noexcept {
    const std::byte* start = start_.load(std::memory_order_acquire);
    return start && block >= start && block < start + pages * page;
  }

  bool is_freed(const void* bytes, std::size_t size) noexcept {
    if (size == 0 || !has(bytes)) return false;
    const std::lock_guard lock(mutex_);
    const std::size_t last = page_of(static_cast<const std::byte*>(bytes) + size - 1);
    for (std::size_t i = page_of(bytes); i <= last; ++i)
      if (pages_[i] != state::used) return true;
    return false;
  }

 private:
  enum class state : std::uint8_t { fresh, used, freed };
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t pages = 1 << 18;
  static constexpr std::size_t count_max = 1 << 14;
  // At worst the kernel keeps two mappings for each, of which a process has some 65,000.
  static constexpr std::size_t used_max = 1 << 14;

  std::size_t page_of(const void* block) const noexcept {
    return static_cast<std::size_t>(static_cast<const std::byte*>(block) - start_) / page;
  }

  bool reserve() noexcept {
    if (start_) return true;
    void* all =
        mmap(nullptr, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return false;
    start_.store(static_cast<std::byte*>(all), std::memory_order_release);
    return true;
  }

  // The number of pages where there is none.
  std::size_t find_room(std::size_t count) const noexcept {
    bool again = false;
    std::size_t first = next_;
    for (std::size_t i = first; i < first + count;) {
      if (first + count > pages) {
        if (std::exchange(again, true)) return pages;
        first = i = 0;
      } else if (pages_[i++] == state::used) {
        first = i;
      }
    }
    return first;
  }

  std::mutex mutex_;
  std::atomic<std::byte*> start_ = nullptr;
  std::size_t next_ = 0;
  std::size_t used_ = 0;
  std::array<state, pages> pages_{};
  std::array<std::uint16_t, pages> lengths_{};
};

constinit page_ring ring;

/// Known by its name.
bool is_of_a_backend() noexcept {
  std::array<char, 16> name{};
  return pthread_getname_np(pthread_self(), name.data(), name.size()) == 0 &&
         std::string_view(name.data()).starts_with("gyre-");
}

bool is_to_fail() noexcept {
  const std::uint64_t number = ++mine.asked_for;
  if (number >= mine.first_failure && number <= mine.last_failure) return true;
  const std::uint64_t first = first_failure_of_backends.load(std::memory_order_relaxed);
  return first != 0 && number >= first &&
         number <= last_failure_of_backends.load(std::memory_order_relaxed) && is_of_a_backend();
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (is_to_fail()) {
    failed.store(true, std::memory_order_relaxed);
    throw std::bad_alloc();
  }
  void* block = nullptr;
  if (quarantined.load(std::memory_order_relaxed)) block = ring.take(size, alignment);
  if (!block && posix_memalign(&block, alignment, std::max<std::size_t>(size, 1)) != 0)
    throw std::bad_alloc();
  live_blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* allocate_or_null(std::size_t size, std::size_t alignment) noexcept {
  try {
    return allocate(size, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void give_back(void* block) noexcept {
  if (!block) return;
  live_blocks.fetch_sub(1, std::memory_order_relaxed);
  if (ring.has(block))
    ring.give_back(block);
  else
    std::free(block);
}

}  // namespace

namespace gyre::hostile_heap {

std::uint64_t allocations() noexcept {
  return mine.asked_for;
}

std::int64_t live() noexcept {
  return live_blocks.load(std::memory_order_relaxed);
}

failure::failure(std::uint64_t number, span which, whose threads) noexcept {
  failed = false;
  if (threads == whose::this_thread) {
    mine.first_failure = mine.asked_for + number;
    mine.last_failure = which == span::one ? mine.first_failure : UINT64_MAX;
  } else {
    last_failure_of_backends = which == span::one ? number : UINT64_MAX;
    first_failure_of_backends = number;
  }
}

failure::~failure() {
  mine.first_failure = mine.last_failure = 0;
  first_failure_of_backends = 0;
}

bool failure::happened() const noexcept {
  return failed.load(std::memory_order_relaxed);
}

quarantine::quarantine() noexcept {
  quarantined = keeps_out_the_kernel();
}

quarantine::~quarantine() {
  quarantined = false;
}

bool quarantine::keeps_out_the_kernel() noexcept {
  return !watched_by_asan;
}

bool is_freed(const void* bytes, std::size_t size) noexcept {
  if (size == 0) return false;
  return ring.is_freed(bytes, size) ||
         __asan_region_is_poisoned(const_cast<void*>(bytes), size) != nullptr;
}

}  // namespace gyre::hostile_heap

// Each form, since those of AddressSanitizer for the others would not end up in these.

void* operator new(std::size_t size) {
  return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate_or_null(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_or_null(size, static_cast<std::size_t>(alignment));
}

void* operator new[](std::size_t size) {
  return operator new(size);
}

void* operator new[](std::size_t size, std::align_val_t alignment) {
  return operator new(size, alignment);
}

void* operator new[](std::size_t size, const std::nothrow_t& null) noexcept {
  return operator new(size, null);
}

void* operator new[](std::size_t size, std::align_val_t alignment,
                     const std::nothrow_t& null) noexcept {
  return operator new(size, alignment, null);
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

void operator delete[](void* block) noexcept {
  give_back(block);
}

void operator delete[](void* block, std::size_t) noexcept {
  give_back(block);
}

void operator delete[](void* block, std::align_val_t) noexcept {
  give_back(block);
}

void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  give_back(block);
}
