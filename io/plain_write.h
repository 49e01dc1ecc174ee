#pragma once

#include <cstddef>
#include <span>

namespace gyre {

/// One attempt of a write to a descriptor of which the kernel knows plain write(2) alone, see
/// `descriptor::writes_plainly`: how much was written, or a negative errno; -EAGAIN where it has no
/// room. It does not wait, also where the descriptor is not O_NONBLOCK: neither can a thread that
/// waits there be interrupted, nor may the flag be set for a moment, since other processes share
/// it.
int write_plainly(int fd, std::span<const std::byte> content) noexcept;

}  // namespace gyre
