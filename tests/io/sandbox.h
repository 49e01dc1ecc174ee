#pragma once

#include <atomic>
#include <functional>
#include <initializer_list>
#include <string>

namespace gyre {

/// Lets `calls` fail with `error` from here on, in this thread and those that it starts.
void forbid(std::initializer_list<long> calls, int error);

/// Lets io_uring_setup(2) fail with `error` from here on, in all threads but the first `count` that
/// call it. To be called in a process that ends by _exit(2), as that of `in_child`.
void allow_rings_to(unsigned count, int error);

/// Lets every fifth `call` fail with `error` from here on, in this thread and those that it starts.
/// Gives a count of these calls; null in a process that inherited such a sandbox, where its parent
/// counts.
const std::atomic<unsigned>* fail_at_times(long call, int error);

/// What `work` writes in a child process to standard error or gives back, in this order.
std::string in_child(const std::function<std::string()>& work);

}  // namespace gyre
