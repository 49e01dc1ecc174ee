#pragma once

#include <liburing.h>

#include <cstdint>

#include "gyre/io/uring_abi.h"

namespace gyre {

/// Whether the kernel does not take a failure of such an operation for one, and goes on with a soft
/// link, see quirks.cc. So nothing may follow it there.
inline bool fails_unnoticed(std::uint8_t opcode) noexcept {
  switch (opcode) {
    case IORING_OP_FSYNC:
    case IORING_OP_SYNC_FILE_RANGE:
    case IORING_OP_FALLOCATE:
    case uring_abi::op_ftruncate:
    case IORING_OP_MADVISE:
    case IORING_OP_SHUTDOWN:
    case IORING_OP_STATX:
    case IORING_OP_RENAMEAT:
    case IORING_OP_UNLINKAT:
    case IORING_OP_MKDIRAT:
    case IORING_OP_SYMLINKAT:
    case IORING_OP_LINKAT:
    case IORING_OP_FGETXATTR:
    case IORING_OP_FSETXATTR:
    case IORING_OP_GETXATTR:
    case IORING_OP_SETXATTR:
      return true;
    default:
      return false;
  }
}

}  // namespace gyre
