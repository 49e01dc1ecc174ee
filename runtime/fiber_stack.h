#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gyre {

/// The stack of a fiber: address space that becomes memory page by page, as it is used, and below
/// it a guard of `guard_size` bytes that nobody may touch, so that a stack that is too small ends
/// the process (SIGSEGV) instead of writing over somebody else's memory.
///
/// Stacks that are given back are kept by their thread, for its next fibers, pages included: up to
/// `idle_bytes_max` of address space, which is also the most memory that idle stacks can hold. What
/// is above that, or larger than `pooled_max`, goes back to the kernel at once; the rest when the
/// thread ends. A steady state makes no system call.
class fiber_stack {
 public:
  static constexpr std::size_t size_min = std::size_t{16} << 10;
  static constexpr std::size_t size_max = std::size_t{1} << 30;
  static constexpr std::size_t pooled_max = std::size_t{1} << 20;
  static constexpr std::size_t idle_bytes_max = std::size_t{16} << 20;
  static constexpr std::size_t guard_size = std::size_t{64} << 10;

  /// The next power of two. Throws `std::invalid_argument`, which names the value, where `size` is
  /// less than `size_min` or more than `size_max`.
  static std::size_t rounded(std::size_t size);

  /// A stack of `size` bytes, which `rounded` must have given. Throws `std::system_error` where the
  /// kernel gives none, see mmap(2).
  explicit fiber_stack(std::size_t size);
  fiber_stack(const fiber_stack&) = delete;
  fiber_stack& operator=(const fiber_stack&) = delete;
  /// On the thread where it was made, or on another, whose it is then.
  ~fiber_stack();

  /// Its lowest byte, above the guard.
  std::byte* lowest() const noexcept { return lowest_; }
  /// Where it begins: stacks grow downwards.
  std::byte* top() const noexcept { return lowest_ + size_; }
  std::size_t size() const noexcept { return size_; }

  /// Stacks of this thread that are in use: taken here less given back here.
  static std::int64_t live() noexcept;
  /// How often this thread had to ask the kernel. Stands still in a steady state.
  static std::uint64_t mapped() noexcept;

 private:
  friend class fiber_stacks_of_thread;
  class idle_stack;

  /// What a thread has at hand. Trivially destructible, and full until the thread's end is known to
  /// clean it up.
  struct idle_stacks {
    static constexpr std::size_t classes = 7;
    std::array<idle_stack*, classes> first{};
    std::size_t bytes = idle_bytes_max;
    bool cleaned_up = false;
    std::int64_t live = 0;
    std::uint64_t mapped = 0;
  };
  static_assert(size_min << (idle_stacks::classes - 1) == pooled_max);

  static std::size_t class_of(std::size_t size) noexcept;

  static constinit thread_local idle_stacks idle_;

  std::byte* lowest_;
  std::size_t size_;
};

}  // namespace gyre
