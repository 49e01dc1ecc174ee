#pragma once

#include <chrono>
#include <cstddef>
#include <system_error>

#include "gyre/net/tcp.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/with_timeout.h"

namespace http {

/// Bytes that the kernel holds for the client: it has not taken them yet.
int held_bytes(gyre::tcp_stream& to) noexcept;

/// Awaits `write()`, an operation that writes some bytes to the client, again and again until it
/// does. `timed_out` when the client has taken nothing for `time`, which is noticed half as late
/// again, since nobody looks before it has been waited for. A socket can be written to again when a
/// third of its buffer is free, which may be megabytes; so who reads slowly, but steadily, is known
/// by what the kernel holds.
template <class Write>
gyre::task<gyre::result<std::size_t>> write_steadily(gyre::tcp_stream& to, Write write,
                                                     std::chrono::milliseconds time) {
  // So that the usual write costs no system call more.
  auto written = co_await gyre::with_timeout(write(), time / 2);
  if (written.error() != std::errc::timed_out) co_return written;
  for (int before = held_bytes(to);;) {
    written = co_await gyre::with_timeout(write(), time);
    const int held = held_bytes(to);
    if (written.error() != std::errc::timed_out || held >= before) co_return written;
    before = held;
  }
}

}  // namespace http
