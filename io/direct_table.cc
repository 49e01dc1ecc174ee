#include "gyre/io/direct_table.h"

#include <new>

namespace gyre {

opcode_set direct_table::opcodes() noexcept {
  opcode_set all;
  for (const unsigned each : {IORING_OP_OPENAT2, IORING_OP_SOCKET, IORING_OP_CLOSE, IORING_OP_READ,
                              IORING_OP_RECV, IORING_OP_SEND, IORING_OP_CONNECT})
    all.set(each);
  return all;
}

bool direct_table::create() noexcept {
  tried_ = true;
  try {
    free_.reserve(slots_max);
  } catch (const std::bad_alloc&) {
    return false;
  }
  refused_ = !ring_.register_files(slots_max);
  if (refused_) return false;
  for (unsigned slot = slots_max; slot-- > 0;) free_.push_back(static_cast<std::uint16_t>(slot));
  return true;
}

int direct_table::take() noexcept {
  if (!tried_ && !create()) return -1;
  if (free_.empty()) return -1;
  const int slot = free_.back();
  free_.pop_back();
  return slot;
}

// One that can't be emptied is not used again: its file closes with the ring.
void direct_table::give_back(int slot) noexcept {
  if (ring_.close_registered(static_cast<unsigned>(slot)))
    free_.push_back(static_cast<std::uint16_t>(slot));
}

}  // namespace gyre
