#include "gyre/runtime/fiber_stack.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "gyre/runtime/fiber_sanitizers.h"

namespace gyre {
namespace {

// Linux 6.13: a guard that is no mapping of its own, so that stacks that lie side by side are one
// mapping together. A process may have 65,530 mappings.
constexpr int guard_install = 102;

std::byte* map(std::size_t size) {
  const std::size_t whole = fiber_stack::guard_size + size;
  void* mapping = mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  bool made = mapping != MAP_FAILED;
  if (made && madvise(mapping, fiber_stack::guard_size, guard_install) != 0)
    made = mprotect(mapping, fiber_stack::guard_size, PROT_NONE) == 0;
  if (!made) {
    const std::error_code reason(errno, std::generic_category());
    if (mapping != MAP_FAILED) munmap(mapping, whole);
    throw std::system_error(reason, "a fiber's stack of " + std::to_string(size) + " bytes");
  }
  return static_cast<std::byte*>(mapping) + fiber_stack::guard_size;
}

void unmap(std::byte* lowest, std::size_t size) noexcept {
  munmap(lowest - fiber_stack::guard_size, fiber_stack::guard_size + size);
}

}  // namespace

/// Where an idle stack keeps what the list needs: in its first bytes, which are memory already.
class fiber_stack::idle_stack {
 public:
  explicit idle_stack(idle_stack* next) noexcept : next(next) {}
  idle_stack* next;
};

constinit thread_local fiber_stack::idle_stacks fiber_stack::idle_;

/// Gives what a thread has at hand back to the kernel when it ends.
class fiber_stacks_of_thread {
 public:
  fiber_stacks_of_thread() noexcept {
    fiber_stack::idle_.bytes = 0;
    fiber_stack::idle_.cleaned_up = true;
  }
  ~fiber_stacks_of_thread() {
    for (std::size_t i = 0; i < fiber_stack::idle_stacks::classes; ++i)
      while (fiber_stack::idle_.first[i]) {
        const fiber_stack taken(fiber_stack::size_min << i);
        fiber_stack::idle_.bytes = fiber_stack::idle_bytes_max;
      }
    // What is given back from here on goes straight to the kernel.
    fiber_stack::idle_.bytes = fiber_stack::idle_bytes_max;
  }

  static void clean_up_at_exit() {
    static thread_local fiber_stacks_of_thread cleanup;
    (void)cleanup;
  }
};

std::size_t fiber_stack::rounded(std::size_t size) {
  if (size < size_min || size > size_max)
    throw std::invalid_argument("a fiber's stack of " + std::to_string(size) + " bytes: expected " +
                                std::to_string(size_min) + " to " + std::to_string(size_max));
  return std::bit_ceil(size);
}

std::size_t fiber_stack::class_of(std::size_t size) noexcept {
  return static_cast<std::size_t>(std::countr_zero(size / size_min));
}

fiber_stack::fiber_stack(std::size_t size) : size_(size) {
  if (size <= pooled_max && idle_.first[class_of(size)]) [[likely]] {
    idle_stack*& first = idle_.first[class_of(size)];
    lowest_ = reinterpret_cast<std::byte*>(first + 1) - size;
    detail::allow_stack(lowest_, size);
    first = first->next;
    idle_.bytes -= size;
  } else {
    lowest_ = map(size);
    ++idle_.mapped;
  }
  ++idle_.live;
}

fiber_stack::~fiber_stack() {
  --idle_.live;
  detail::allow_stack(lowest_, size_);  // the frames that its fiber never returned from
  if (!idle_.cleaned_up) fiber_stacks_of_thread::clean_up_at_exit();
  if (size_ > pooled_max || idle_.bytes + size_ > idle_bytes_max) {
    unmap(lowest_, size_);
    return;
  }
  idle_stack*& first = idle_.first[class_of(size_)];
  first = ::new (top() - sizeof(idle_stack)) idle_stack(first);
  idle_.bytes += size_;
  detail::forbid_stack(lowest_, size_);
}

std::int64_t fiber_stack::live() noexcept {
  return idle_.live;
}

std::uint64_t fiber_stack::mapped() noexcept {
  return idle_.mapped;
}

}  // namespace gyre
