#pragma once

#include <memory>

#include "gyre/runtime/backend.h"

/// Boxes: processes in which something fails or is forbidden. They are entered once, and never
/// left; what `make_…` makes is for the box beside it.
namespace gyre::conformance {

/// io_uring_setup(2) fails with `error`.
void enter_box_without_io_uring(int error);
/// What `automatic` takes there. Throws when that is not epoll.
std::unique_ptr<backend> make_without_io_uring();

/// Every fifth io_uring_enter(2) fails with `error`, whoever calls it.
void enter_box_with_failing_enters(int error);
/// io_uring there. Throws when its calls don't go through the box.
std::unique_ptr<backend> make_with_failing_enters();

/// A user without privileges who may lock no memory.
void enter_box_without_locked_memory();
/// What `automatic` takes there: a ring where the kernel doesn't count its memory as locked, else
/// epoll.
std::unique_ptr<backend> make_without_locked_memory();

}  // namespace gyre::conformance
