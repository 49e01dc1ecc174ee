#include "gyre/net/unix.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "gyre/io/message_ops.h"
#include "gyre/net/socket_calls.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

using socket_calls::set_option;
using socket_calls::to_result;

bool wants_nonblocking() noexcept {
  return loop::current().kernel().nonblocking();
}

/// connect(2) of a Unix socket waits for nothing but room in the listener's queue, of which no
/// readiness tells: so it must not wait.
result<descriptor> connected(int type, const unix_address& peer) noexcept {
  auto socket = socket_calls::open(AF_UNIX, type, 0, true);
  if (!socket) return socket;
  auto done = to_result(::connect(socket->number(), peer.data(), peer.size()));
  if (!done) return done.error();
  if (!wants_nonblocking()) {
    done = socket_calls::set_nonblocking(*socket, false);
    if (!done) return done.error();
  }
  return socket;
}

template <class Socket>
result<std::pair<Socket, Socket>> pair_of(int type) {
  int ends[2];
  const int flags = SOCK_CLOEXEC | (wants_nonblocking() ? SOCK_NONBLOCK : 0);
  if (::socketpair(AF_UNIX, type | flags, 0, ends) != 0) return errno_error(errno);
  return std::pair(Socket(descriptor(ends[0])), Socket(descriptor(ends[1])));
}

result<unix_address> address_of(const result<socket_calls::name>& found) noexcept {
  if (!found) return found.error();
  return unix_address::from(found->address, found->size);
}

result<unix_credentials> credentials_of(const descriptor& socket) noexcept {
  ucred found{};
  socklen_t size = sizeof found;
  if (getsockopt(socket.number(), SOL_SOCKET, SO_PEERCRED, &found, &size) != 0)
    return errno_error(errno);
  return unix_credentials(found.pid, found.uid, found.gid);
}

std::size_t room_in(std::span<const std::byte> buffer) noexcept {
  return buffer.size();
}
using op::room_in;

/// Of one buffer, or of several.
template <class Data>
task<result<std::size_t>> send_with(descriptor& socket, Data data,
                                    std::span<const int> descriptors) {
  constexpr std::size_t room = CMSG_SPACE(passed_descriptors_max * sizeof(int));
  if (descriptors.size() > passed_descriptors_max) co_return std::errc::invalid_argument;
  alignas(cmsghdr) std::array<std::byte, room> control;
  std::span<std::byte> used;
  if (!descriptors.empty()) {
    used = std::span(control).first(CMSG_SPACE(descriptors.size_bytes()));
    op::write_ancillary(used, SOL_SOCKET, SCM_RIGHTS, std::as_bytes(descriptors));
  }
  co_return co_await op::send_message(socket, data, nullptr, 0, used);
}

void take_descriptors(const cmsghdr& header, std::size_t most, unix_message& into) {
  const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&header) + i * sizeof fd, sizeof fd);
    descriptor received(fd);  // the kernel may find room for more in the padding
    if (into.descriptors.size() < most)
      into.descriptors.push_back(std::move(received));
    else
      into.descriptors_lost = true;
  }
}

// SCM_PIDFD of Linux 6.5, which comes where the socket has SO_PASSPIDFD.
constexpr int sender_pidfd = 4;

/// Closes a descriptor that nobody asked for; a negative one is the kernel's way to say why not.
void drop_descriptor(const cmsghdr& header) noexcept {
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(&header), sizeof fd);
  const descriptor dropped(std::max(fd, -1));
}

void take_control(const msghdr& message, std::size_t most, unix_message& into) {
  into.descriptors_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  auto& unchanged = const_cast<msghdr&>(message);  // what CMSG_NXTHDR asks for
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&unchanged, each)) {
    if (each->cmsg_level != SOL_SOCKET) continue;
    if (each->cmsg_type == SCM_RIGHTS) take_descriptors(*each, most, into);
    if (each->cmsg_type == sender_pidfd) drop_descriptor(*each);
    if (each->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(each), sizeof sender);
      into.credentials = unix_credentials(sender.pid, sender.uid, sender.gid);
    }
  }
}

template <class Data>
task<result<unix_message>> receive_with(descriptor& socket, Data data, std::size_t most,
                                        int flags) {
  constexpr std::size_t room =
      CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(passed_descriptors_max * sizeof(int));
  most = std::min(most, passed_descriptors_max);
  // All memory is there before a descriptor comes, so that none is lost for want of it.
  unix_message made;
  made.descriptors.reserve(most);
  alignas(cmsghdr) std::array<std::byte, room> control{};
  const auto used =
      std::span(control).first(CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(most * sizeof(int)));
  op::receive_message receiving(socket, data, used, flags);
  const auto length = co_await receiving;
  if (!length) co_return length.error();
  made.length = *length;
  made.size = std::min(*length, room_in(data));
  made.from = unix_address::from(receiving.address(), receiving.message().msg_namelen);
  take_control(receiving.message(), most, made);
  co_return std::move(made);
}

}  // namespace

task<result<unix_stream>> unix_stream::connect(unix_address peer) {
  auto socket = connected(SOCK_STREAM, peer);
  if (!socket) co_return socket.error();
  co_return unix_stream(*std::move(socket));
}
result<std::pair<unix_stream, unix_stream>> unix_stream::pair() {
  return pair_of<unix_stream>(SOCK_STREAM);
}
task<result<std::size_t>> unix_stream::send(std::span<const std::byte> data,
                                            std::span<const int> descriptors) {
  // A stream has nothing to tie them to.
  if (data.empty()) co_return std::errc::invalid_argument;
  co_return co_await send_with(socket_, data, descriptors);
}
task<result<std::size_t>> unix_stream::send(std::span<const iovec> buffers,
                                            std::span<const int> descriptors) {
  if (op::room_in(buffers) == 0) co_return std::errc::invalid_argument;
  co_return co_await send_with(socket_, buffers, descriptors);
}
task<result<unix_message>> unix_stream::receive(std::span<std::byte> buffer, std::size_t most) {
  return receive_with(socket_, buffer, most, 0);
}
task<result<unix_message>> unix_stream::receive(std::span<const iovec> buffers, std::size_t most) {
  return receive_with(socket_, buffers, most, 0);
}
result<unix_address> unix_stream::local() const noexcept {
  return address_of(socket_calls::local_name(socket_));
}
result<unix_address> unix_stream::peer() const noexcept {
  return address_of(socket_calls::peer_name(socket_));
}
result<unix_credentials> unix_stream::peer_credentials() const noexcept {
  return credentials_of(socket_);
}
result<void> unix_stream::set_pass_credentials(bool on) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_PASSCRED, on);
}

task<result<std::size_t>> unix_message_socket::send(std::span<const std::byte> data,
                                                    std::span<const int> descriptors) {
  return send_with(socket_, data, descriptors);
}
task<result<std::size_t>> unix_message_socket::send(std::span<const iovec> buffers,
                                                    std::span<const int> descriptors) {
  return send_with(socket_, buffers, descriptors);
}
task<result<unix_message>> unix_message_socket::receive(std::span<std::byte> buffer,
                                                        std::size_t most) {
  return receive_with(socket_, buffer, most, MSG_TRUNC);
}
task<result<unix_message>> unix_message_socket::receive(std::span<const iovec> buffers,
                                                        std::size_t most) {
  return receive_with(socket_, buffers, most, MSG_TRUNC);
}
result<unix_address> unix_message_socket::local() const noexcept {
  return address_of(socket_calls::local_name(socket_));
}
result<unix_address> unix_message_socket::peer() const noexcept {
  return address_of(socket_calls::peer_name(socket_));
}
result<unix_credentials> unix_message_socket::peer_credentials() const noexcept {
  return credentials_of(socket_);
}
result<void> unix_message_socket::set_pass_credentials(bool on) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_PASSCRED, on);
}

task<result<unix_seqpacket>> unix_seqpacket::connect(unix_address peer) {
  auto socket = connected(SOCK_SEQPACKET, peer);
  if (!socket) co_return socket.error();
  co_return unix_seqpacket(*std::move(socket));
}
result<std::pair<unix_seqpacket, unix_seqpacket>> unix_seqpacket::pair() {
  return pair_of<unix_seqpacket>(SOCK_SEQPACKET);
}
result<void> unix_seqpacket::shutdown() noexcept {
  return to_result(::shutdown(socket_.number(), SHUT_RDWR));
}

result<unix_datagram> unix_datagram::open() {
  auto socket = socket_calls::open(AF_UNIX, SOCK_DGRAM, 0, wants_nonblocking());
  if (!socket) return socket.error();
  return unix_datagram(*std::move(socket));
}
result<unix_datagram> unix_datagram::bind(const unix_address& local) {
  auto made = open();
  if (!made) return made;
  const int fd = made->socket().number();
  if (auto bound = to_result(::bind(fd, local.data(), local.size())); !bound) return bound.error();
  return made;
}
result<std::pair<unix_datagram, unix_datagram>> unix_datagram::pair() {
  return pair_of<unix_datagram>(SOCK_DGRAM);
}
result<void> unix_datagram::connect(const unix_address& peer) noexcept {
  return to_result(::connect(socket_.number(), peer.data(), peer.size()));
}
result<std::size_t> unix_datagram::try_send_to(std::span<const std::byte> data,
                                               const unix_address& peer) noexcept {
  const ssize_t count = ::sendto(socket_.number(), data.data(), data.size(),
                                 MSG_DONTWAIT | MSG_NOSIGNAL, peer.data(), peer.size());
  if (count < 0) return errno_error(errno);
  return static_cast<std::size_t>(count);
}

result<unix_address> unix_listening_socket::local() const noexcept {
  return address_of(socket_calls::local_name(socket_));
}
result<descriptor> unix_listening_socket::listen(int type, const unix_address& local,
                                                 int backlog) noexcept {
  auto socket = socket_calls::open(AF_UNIX, type, 0, true);
  if (!socket) return socket;
  const int fd = socket->number();
  if (auto bound = to_result(::bind(fd, local.data(), local.size())); !bound) return bound.error();
  if (auto done = to_result(::listen(fd, backlog)); !done) return done.error();
  return socket;
}

}  // namespace gyre
