#pragma once

#include <cstddef>
#include <cstdint>

/// The heap of a whole program, replaced by one that fails when it is told to, and that can keep
/// what was freed from everybody, the kernel included.
namespace gyre::hostile_heap {

/// Blocks asked for by this thread since it began.
std::uint64_t allocations() noexcept;

/// Blocks of all threads that were not given back yet.
std::int64_t live() noexcept;

/// While it lives, allocations fail with `std::bad_alloc`. One at a time.
class failure {
 public:
  enum class span { one, all_after };
  enum class whose {
    this_thread,
    threads_of_backends,  ///< each of them counts for itself, from its beginning
  };

  /// The first that fails is the `number`-th from here on, counted from 1; with `all_after` each
  /// after it fails too.
  failure(std::uint64_t number, span which, whose = whose::this_thread) noexcept;
  failure(const failure&) = delete;
  failure& operator=(const failure&) = delete;
  ~failure();

  /// Whether it came to that.
  bool happened() const noexcept;
};

/// While it lives, each block has pages of its own, at whose end it lies, and once it is freed
/// nobody reads or writes them until about a gigabyte more was asked for: a program is ended by
/// that with SIGSEGV, a system call with EFAULT. AddressSanitizer does the same for programs, and
/// is left to it where it watches. One at a time.
class quarantine {
 public:
  quarantine() noexcept;
  quarantine(const quarantine&) = delete;
  quarantine& operator=(const quarantine&) = delete;
  ~quarantine();

  /// False where AddressSanitizer watches, which does not watch the kernel.
  static bool keeps_out_the_kernel() noexcept;
};

/// Whether any of these bytes are in a block that was freed: known of those from a quarantine, and
/// of all under AddressSanitizer.
bool is_freed(const void* bytes, std::size_t size) noexcept;

}  // namespace gyre::hostile_heap
