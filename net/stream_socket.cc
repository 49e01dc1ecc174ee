#include "gyre/net/stream_socket.h"

#include <sys/socket.h>

#include "gyre/net/socket_calls.h"
#include "gyre/runtime/loop.h"

namespace gyre {

using socket_calls::set_nonblocking;
using socket_calls::set_option;
using socket_calls::to_result;

result<void> stream_socket::shutdown_write() noexcept {
  return to_result(::shutdown(socket_.number(), SHUT_WR));
}

result<void> stream_socket::shutdown_read() noexcept {
  return to_result(::shutdown(socket_.number(), SHUT_RD));
}

result<void> stream_socket::shutdown() noexcept {
  return to_result(::shutdown(socket_.number(), SHUT_RDWR));
}

result<void> stream_socket::set_receive_buffer(int bytes) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_RCVBUF, bytes);
}

result<void> stream_socket::set_send_buffer(int bytes) noexcept {
  return set_option(socket_, SOL_SOCKET, SO_SNDBUF, bytes);
}

result<void> stream_socket::allow_splice(bool on) noexcept {
  return set_nonblocking(socket_, on || loop::current().kernel().nonblocking());
}

}  // namespace gyre
