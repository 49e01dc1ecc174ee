#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <utility>

#include "gyre/io/descriptor.h"
#include "gyre/io/socket_ops.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What all connections that carry a stream of bytes have in common. Its two directions are
/// independent: one task may read while another writes, but no more than one of each at a time.
/// Buffers are the caller's and must stay until the operation that got them has ended. A stop ends
/// an operation with `operation_canceled`; put `with_timeout(…, span)` around one to bound it in
/// time. Errors are those of recv(2) and send(2): `connection_reset`, `broken_pipe`, `timed_out`, …
/// Used on its loop's thread only.
class stream_socket {
 public:
  /// Reads what is there, waiting for at least one byte. 0 is the end: the peer sends no more (or
  /// the buffer is empty).
  op::recv read_some(std::span<std::byte> buffer) noexcept { return {socket_, buffer}; }
  /// Reads until `buffer` is full. Fewer bytes only when the peer sends no more, or when the read
  /// was stopped, timed out or failed half-way. After a failure the next read finds the end of the
  /// stream: the kernel tells of a reset once.
  op::recv_exactly read_exactly(std::span<std::byte> buffer) noexcept { return {socket_, buffer}; }
  /// Reads into several buffers in turn, waiting for at least one byte. See readv(2).
  op::recvmsg read_some(std::span<const iovec> buffers) noexcept { return {socket_, buffers}; }

  /// Writes what the socket takes, at least one byte.
  op::send write_some(std::span<const std::byte> buffer) noexcept { return {socket_, buffer}; }
  /// Writes the whole buffer. After an error or a stop an unknown part has been sent, so that only
  /// closing is left to do.
  op::send_all write_all(std::span<const std::byte> buffer) noexcept { return {socket_, buffer}; }
  /// Writes several buffers in turn as one. The entries of `buffers` are used up on the way.
  op::sendmsg_all write_all(std::span<iovec> buffers) noexcept { return {socket_, buffers}; }

  /// Sends the end of the stream; reading goes on (half-close). See shutdown(2).
  result<void> shutdown_write() noexcept;
  /// Lets reads get what has arrived already, and then 0; a read that waits gets 0 at once. The
  /// peer is told nothing. See shutdown(2).
  result<void> shutdown_read() noexcept;
  /// Ends both directions; a read that waits gets 0, a write `broken_pipe`.
  result<void> shutdown() noexcept;
  /// Ends what is in flight on the stream, then closes it. The destructor closes too, but must find
  /// nothing in flight.
  task<result<void>> close() { return socket_.close(); }
  /// SO_RCVBUF and SO_SNDBUF in bytes; the kernel doubles them and has limits of its own, see
  /// socket(7).
  result<void> set_receive_buffer(int bytes) noexcept;
  result<void> set_send_buffer(int bytes) noexcept;
  /// Makes the socket O_NONBLOCK, which splicing from a pipe needs; or ends that again, where the
  /// backend wants it otherwise. Other operations work all the while, but on io_uring each one that
  /// has to wait then takes two submissions more.
  result<void> allow_splice(bool on = true) noexcept;

  descriptor& socket() noexcept { return socket_; }

 protected:
  explicit stream_socket(descriptor socket) noexcept : socket_(std::move(socket)) {}

  descriptor socket_;
};

}  // namespace gyre
