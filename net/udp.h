#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "gyre/io/descriptor.h"
#include "gyre/io/message_ops.h"
#include "gyre/net/endpoint.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What `udp_socket::receive_from` has put into the buffer.
class received_datagram {
 public:
  received_datagram() noexcept {}

  std::size_t size = 0;  ///< bytes in the buffer
  std::size_t length =
      0;  ///< bytes that were sent: more than `size` where the buffer was too small
  /// With `set_receive_offload`: several datagrams of one sender lie in the buffer, each of this
  /// size but the last, which may be smaller. 0 where it is one datagram.
  std::size_t segment = 0;
  endpoint from;

  /// Whether the end is missing; the kernel has dropped it.
  bool truncated() const noexcept { return length > size; }
};

/// How a UDP socket is set up.
class udp_options {
 public:
  udp_options() noexcept {}

  /// SO_REUSEPORT: several sockets share the port, and the kernel spreads senders over them.
  bool reuse_port = false;
  /// For v6 addresses: whether to leave v4 datagrams to others.
  bool only_v6 = true;
};

/// A UDP socket. Buffers are the caller's and must stay until the operation that got them has
/// ended. A stop ends an operation with `operation_canceled`, and loses no datagram. What a network
/// answers to a datagram that was sent may be the error of a later operation (`connection_refused`,
/// …); the socket stays good: see udp(7). Used on its loop's thread only.
class udp_socket {
 public:
  /// Opens a socket at `local`. Only in a task. Port 0 takes a free one; `local()` tells which.
  static result<udp_socket> bind(const endpoint& local, const udp_options& options = udp_options());

  /// From now on `send` goes to `peer`, and only what `peer` sends is received. Waits for nothing.
  result<void> connect(const endpoint& peer) noexcept;

  /// sendmsg(2) of `data` and its address; what udp_socket's methods return.
  class [[nodiscard]] send_datagram final : public op::send_message {
   public:
    /// `peer` may be null where the socket is connected, `segment` 0 where all is one datagram.
    send_datagram(descriptor& socket, std::span<const std::byte> data, const endpoint* peer,
                  std::uint16_t segment) noexcept;
    send_datagram(descriptor& socket, std::span<const iovec> buffers, const endpoint* peer,
                  std::uint16_t segment) noexcept;

   private:
    void set_segment(std::uint16_t segment) noexcept;

    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control_;
  };

  /// recvmsg(2) of a datagram with its sender.
  class [[nodiscard]] receive_datagram final : public op::receive_message {
   public:
    receive_datagram(descriptor& socket, std::span<std::byte> buffer) noexcept;
    receive_datagram(descriptor& socket, std::span<const iovec> buffers) noexcept;
    result<received_datagram> await_resume() noexcept;

   private:
    std::size_t room_;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control_;
  };

  /// Sends one datagram, which may be empty, and all of it: `message_size` when it is too large.
  /// The result is its size. `peer` is copied.
  send_datagram send_to(std::span<const std::byte> data, const endpoint& peer) noexcept {
    return {socket_, data, &peer, 0};
  }
  /// The same to the peer of `connect`; `destination_address_required` without.
  send_datagram send(std::span<const std::byte> data) noexcept {
    return {socket_, data, nullptr, 0};
  }
  /// The same of several buffers, which are one datagram together. The entries are the caller's,
  /// as the buffers are, and at most IOV_MAX: `message_size` for more.
  send_datagram send_to(std::span<const iovec> buffers, const endpoint& peer) noexcept {
    return {socket_, buffers, &peer, 0};
  }
  send_datagram send(std::span<const iovec> buffers) noexcept {
    return {socket_, buffers, nullptr, 0};
  }
  /// Sends `data` as datagrams of `segment` bytes each (not 0), the last one may be smaller: all by
  /// one call (GSO, UDP_SEGMENT, Linux 4.18). At most 64 of them and 65,507 bytes in all:
  /// `invalid_argument` or `message_size` for more. Ask `can_segment` first: kernels without it
  /// answer `invalid_argument`. `io_error` where the interface computes no checksums.
  send_datagram send_segments_to(std::span<const std::byte> data, std::uint16_t segment,
                                 const endpoint& peer) noexcept;
  /// The same to the peer of `connect`.
  send_datagram send_segments(std::span<const std::byte> data, std::uint16_t segment) noexcept;
  /// The same of several buffers, which need not end where datagrams do.
  send_datagram send_segments_to(std::span<const iovec> buffers, std::uint16_t segment,
                                 const endpoint& peer) noexcept;
  send_datagram send_segments(std::span<const iovec> buffers, std::uint16_t segment) noexcept;

  /// Waits for one datagram. Not an error where the buffer is too small for it: look at
  /// `truncated()`.
  receive_datagram receive_from(std::span<std::byte> buffer) noexcept { return {socket_, buffer}; }
  /// The same into several buffers in turn.
  receive_datagram receive_from(std::span<const iovec> buffers) noexcept {
    return {socket_, buffers};
  }

  /// Whether the kernel has GSO; `no_protocol_option` where not.
  result<void> can_segment() const noexcept;
  /// UDP_GRO (Linux 5.0): lets datagrams of one sender come as one, see
  /// `received_datagram::segment`; buffers should hold 65,535 bytes then. `no_protocol_option`
  /// where the kernel lacks it.
  result<void> set_receive_offload(bool on) noexcept;
  /// SO_BROADCAST: sending to broadcast addresses is `permission_denied` without.
  result<void> set_broadcast(bool on) noexcept;
  /// SO_RCVBUF and SO_SNDBUF in bytes; the kernel doubles them and has limits of its own, see
  /// socket(7). A datagram that finds the receiver's buffer full is dropped.
  result<void> set_receive_buffer(int bytes) noexcept;
  result<void> set_send_buffer(int bytes) noexcept;

  result<endpoint> local() const noexcept;
  /// `not_connected` before `connect`.
  result<endpoint> peer() const noexcept;

  /// Ends what is in flight, then closes. The destructor closes too, but must find nothing in
  /// flight.
  task<result<void>> close() { return socket_.close(); }

  descriptor& socket() noexcept { return socket_; }

 private:
  explicit udp_socket(descriptor socket) noexcept : socket_(std::move(socket)) {}

  descriptor socket_;
};

}  // namespace gyre
