#include "gyre/net/udp.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "gyre/net/socket_calls.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"

namespace gyre {

using socket_calls::set_option;
using socket_calls::to_result;

namespace {

void check_segment(std::uint16_t segment) noexcept {
  check(segment != 0, "datagrams of no bytes were asked for: segments need a size");
}

}  // namespace

udp_socket::send_datagram::send_datagram(descriptor& socket, std::span<const std::byte> data,
                                         const endpoint* peer, std::uint16_t segment) noexcept
    : op::send_message(socket, data, peer ? peer->data() : nullptr, peer ? peer->size() : 0, {}) {
  set_segment(segment);
}
udp_socket::send_datagram::send_datagram(descriptor& socket, std::span<const iovec> buffers,
                                         const endpoint* peer, std::uint16_t segment) noexcept
    : op::send_message(socket, buffers, peer ? peer->data() : nullptr, peer ? peer->size() : 0,
                       {}) {
  set_segment(segment);
}
void udp_socket::send_datagram::set_segment(std::uint16_t segment) noexcept {
  if (segment == 0) return;
  op::write_ancillary(control_, SOL_UDP, UDP_SEGMENT, std::as_bytes(std::span(&segment, 1)));
  set_control(control_);
}

udp_socket::receive_datagram::receive_datagram(descriptor& socket,
                                               std::span<std::byte> buffer) noexcept
    : op::receive_message(socket, buffer, {}, MSG_TRUNC), room_(buffer.size()) {
  set_control(control_);
}
udp_socket::receive_datagram::receive_datagram(descriptor& socket,
                                               std::span<const iovec> buffers) noexcept
    : op::receive_message(socket, buffers, {}, MSG_TRUNC), room_(op::room_in(buffers)) {
  set_control(control_);
}

result<received_datagram> udp_socket::receive_datagram::await_resume() noexcept {
  const auto length = op::receive_message::await_resume();
  if (!length) return length.error();
  received_datagram received;
  received.length = *length;
  received.size = std::min(*length, room_);
  received.from = endpoint::from(address());
  const cmsghdr* header = CMSG_FIRSTHDR(&message());
  if (header && header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
    int segment = 0;
    std::memcpy(&segment, CMSG_DATA(header), sizeof segment);
    received.segment = static_cast<std::size_t>(segment);
  }
  return received;
}

result<udp_socket> udp_socket::bind(const endpoint& local, const udp_options& options) {
  const bool nonblocking = loop::current().kernel().nonblocking();
  auto socket = socket_calls::open(local.family(), SOCK_DGRAM, IPPROTO_UDP, nonblocking);
  if (!socket) return socket.error();
  if (options.reuse_port) {
    if (auto done = set_option(*socket, SOL_SOCKET, SO_REUSEPORT, 1); !done) return done.error();
  }
  if (local.is_v6()) {
    auto done = set_option(*socket, IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6);
    if (!done) return done.error();
  }
  auto bound = to_result(::bind(socket->number(), local.data(), local.size()));
  if (!bound) return bound.error();
  return udp_socket(*std::move(socket));
}

result<void> udp_socket::connect(const endpoint& peer) noexcept {
  return to_result(::connect(socket_.number(), peer.data(), peer.size()));
}

udp_socket::send_datagram udp_socket::send_segments_to(std::span<const std::byte> data,
                                                       std::uint16_t segment,
                                                       const endpoint& peer) noexcept {
  check_segment(segment);
  return {socket_, data, &peer, segment};
}
udp_socket::send_datagram udp_socket::send_segments(std::span<const std::byte> data,
                                                    std::uint16_t segment) noexcept {
  check_segment(segment);
  return {socket_, data, nullptr, segment};
}
udp_socket::send_datagram udp_socket::send_segments_to(std::span<const iovec> buffers,
                                                       std::uint16_t segment,
                                                       const endpoint& peer) noexcept {
  check_segment(segment);
  return {socket_, buffers, &peer, segment};
}
udp_socket::send_datagram udp_socket::send_segments(std::span<const iovec> buffers,
                                                    std::uint16_t segment) noexcept {
  check_segment(segment);
  return {socket_, buffers, nullptr, segment};
}

result<void> udp_socket::can_segment() const noexcept {
  int ignored = 0;
  socklen_t size = sizeof ignored;
  return to_result(getsockopt(socket_.number(), SOL_UDP, UDP_SEGMENT, &ignored, &size));
}
result<void> udp_socket::set_receive_offload(bool on) noexcept {
  return set_option(socket_, SOL_UDP, UDP_GRO, on);
}
result<void> udp_socket::set_broadcast(bool on) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_BROADCAST, on);
}
result<void> udp_socket::set_receive_buffer(int bytes) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_RCVBUF, bytes);
}
result<void> udp_socket::set_send_buffer(int bytes) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_SNDBUF, bytes);
}

result<endpoint> udp_socket::local() const noexcept {
  const auto found = socket_calls::local_name(socket_);
  if (!found) return found.error();
  return endpoint::from(found->address);
}
result<endpoint> udp_socket::peer() const noexcept {
  const auto found = socket_calls::peer_name(socket_);
  if (!found) return found.error();
  return endpoint::from(found->address);
}

}  // namespace gyre
