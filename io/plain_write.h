#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "gyre/runtime/operation.h"

namespace gyre {

/// The attempts of one write to a descriptor of which the kernel knows plain write(2) alone, see
/// `descriptor::writes_plainly`: a terminal, an eventfd. None waits, also where the descriptor is
/// not O_NONBLOCK: neither can a thread that waits there be interrupted, nor may the flag be set
/// for a moment, since other processes share it.
class plain_write {
 public:
  plain_write() noexcept = default;
  plain_write(plain_write&& other) noexcept : edges_(std::exchange(other.edges_, -1)) {}
  plain_write& operator=(plain_write&&) = delete;
  ~plain_write();

  /// How much was written, or a negative errno: after -EAGAIN once more when `ready_when(fd)`.
  int attempt(int fd, std::span<const std::byte> content) noexcept;
  readiness ready_when(int fd) const noexcept;

 private:
  int watch_edges(int fd) noexcept;

  // An epoll(7) that tells when there is more room, from when on the descriptor took nothing though
  // it has room: so an eventfd that has some, but not for as much, which poll(2) calls ready.
  int edges_ = -1;
};

}  // namespace gyre
