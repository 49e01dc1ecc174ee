#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace gyre {

/// Up to `capacity` values, first in, first out, in memory that is allocated once.
template <class T>
class value_ring {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "values of a channel are moved where nothing can catch an exception");

 public:
  explicit value_ring(std::size_t capacity)
      : slots_(capacity > 0 ? std::allocator<T>().allocate(capacity) : nullptr),
        capacity_(capacity) {}
  value_ring(const value_ring&) = delete;
  value_ring& operator=(const value_ring&) = delete;
  ~value_ring() {
    while (size_ > 0) pop();
    if (slots_) std::allocator<T>().deallocate(slots_, capacity_);
  }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return size_; }
  bool full() const noexcept { return size_ == capacity_; }
  bool empty() const noexcept { return size_ == 0; }

  /// It must not be full.
  void push(T&& value) noexcept {
    std::size_t at = first_ + size_;
    if (at >= capacity_) at -= capacity_;
    std::construct_at(slots_ + at, std::move(value));
    ++size_;
  }
  /// It must not be empty.
  T pop() noexcept {
    T* oldest = slots_ + first_;
    if (++first_ == capacity_) first_ = 0;
    --size_;
    T value = std::move(*oldest);
    std::destroy_at(oldest);
    return value;
  }

 private:
  T* slots_;
  std::size_t capacity_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace gyre
