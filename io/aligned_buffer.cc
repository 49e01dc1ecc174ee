#include "gyre/io/aligned_buffer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>

#include "gyre/runtime/check.h"

namespace gyre {

aligned_buffer::aligned_buffer(std::size_t size, std::size_t alignment) : alignment_(alignment) {
  check(std::has_single_bit(alignment), "a buffer's alignment was to be no power of two");
  const std::size_t low = alignment - 1;
  // What can't be rounded up becomes the largest multiple, which `new` refuses.
  const std::size_t most = std::numeric_limits<std::size_t>::max() - low;
  const std::size_t whole = (std::min(size, most) + low) & ~low;
  if (whole == 0) return;
  bytes_ = {static_cast<std::byte*>(::operator new(whole, std::align_val_t(alignment))), whole};
  std::ranges::fill(bytes_, std::byte{0});
}

aligned_buffer::~aligned_buffer() {
  if (!bytes_.empty()) ::operator delete(bytes_.data(), std::align_val_t(alignment_));
}

}  // namespace gyre
