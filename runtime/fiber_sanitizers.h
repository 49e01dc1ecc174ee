#pragma once

#include <cstddef>
#include <type_traits>

// What sanitizers offer to those who switch stacks; see <sanitizer/*_interface.h>.
extern "C" {
void __sanitizer_start_switch_fiber(void** left_frames, const void* lowest, std::size_t size);
void __sanitizer_finish_switch_fiber(void* own_frames, const void** lowest, std::size_t* size);
void __asan_poison_memory_region(const volatile void* begin, std::size_t size);
void __asan_unpoison_memory_region(const volatile void* begin, std::size_t size);
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}

namespace gyre::detail {

// Which of them watch is known to the compiler alone.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool address_sanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool thread_sanitizer = false;
#endif

/// Lets AddressSanitizer report whoever touches an idle stack.
inline void forbid_stack(const std::byte* lowest, std::size_t size) noexcept {
  if constexpr (address_sanitizer) __asan_poison_memory_region(lowest, size);
}
inline void allow_stack(const std::byte* lowest, std::size_t size) noexcept {
  if constexpr (address_sanitizer) __asan_unpoison_memory_region(lowest, size);
}

/// One of the two sides between which control goes, the loop's stack or a fiber's, as sanitizers
/// see it: they keep records by the stack, and have to be told.
class sanitized_side {
 public:
  /// The loop's side, which the sanitizers know.
  sanitized_side() noexcept = default;
  /// A fiber's.
  sanitized_side(const std::byte* lowest, std::size_t size) noexcept
      : lowest_(lowest), size_(size) {
    if constexpr (thread_sanitizer) fiber_ = __tsan_create_fiber(0);
  }
  sanitized_side(const sanitized_side&) = delete;
  sanitized_side& operator=(const sanitized_side&) = delete;

  /// On this side, right before control goes to `other`. A part of its caller, also where nothing
  /// is optimised: ThreadSanitizer would see it end on another side than it began on.
  [[gnu::always_inline]] void leave_for(sanitized_side& other) noexcept {
    if constexpr (address_sanitizer)
      __sanitizer_start_switch_fiber(&frames_, other.lowest_, other.size_);
    if constexpr (thread_sanitizer) {
      if (!fiber_) fiber_ = __tsan_get_current_fiber();
      __tsan_switch_to_fiber(other.fiber_, 0);
    }
  }
  /// The same for the last time: AddressSanitizer forgets this side's frames.
  [[gnu::always_inline]] void end_for(sanitized_side& other) noexcept {
    if constexpr (address_sanitizer)
      __sanitizer_start_switch_fiber(nullptr, other.lowest_, other.size_);
    if constexpr (thread_sanitizer) __tsan_switch_to_fiber(other.fiber_, 0);
  }
  /// On this side, right after control has come from `other`, whose bounds are learnt.
  void arrive_from(sanitized_side& other) noexcept {
    if constexpr (address_sanitizer) {
      const void* lowest = nullptr;
      __sanitizer_finish_switch_fiber(frames_, &lowest, &other.size_);
      other.lowest_ = static_cast<const std::byte*>(lowest);
    }
  }
  /// On the loop's side, once the fiber has ended.
  void forget(sanitized_side& ended) noexcept {
    if constexpr (thread_sanitizer) __tsan_destroy_fiber(ended.fiber_);
  }

 private:
  const std::byte* lowest_ = nullptr;
  std::size_t size_ = 0;
  void* frames_ = nullptr;
  void* fiber_ = nullptr;
};

/// The same where nobody watches.
class unwatched_side {
 public:
  unwatched_side() noexcept = default;
  unwatched_side(const std::byte*, std::size_t) noexcept {}
  unwatched_side(const unwatched_side&) = delete;
  unwatched_side& operator=(const unwatched_side&) = delete;

  void leave_for(unwatched_side&) noexcept {}
  void end_for(unwatched_side&) noexcept {}
  void arrive_from(unwatched_side&) noexcept {}
  void forget(unwatched_side&) noexcept {}
};

using switched_side =
    std::conditional_t<address_sanitizer || thread_sanitizer, sanitized_side, unwatched_side>;

}  // namespace gyre::detail
