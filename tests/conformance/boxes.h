#pragma once

#include <memory>

#include "gyre/runtime/backend.h"

namespace gyre::conformance {

/// What `automatic` takes where io_uring_setup(2) fails with `error`, which it does in this process
/// from the first call on. Throws when that is not epoll.
std::unique_ptr<backend> without_io_uring(int error);

/// What `automatic` takes for a user without privileges who may lock no memory: a ring where the
/// kernel doesn't count its memory as locked, else epoll. The process has its user and its limit
/// again afterwards.
std::unique_ptr<backend> without_locked_memory();

}  // namespace gyre::conformance
