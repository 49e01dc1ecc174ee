#include "gyre/net/tcp.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "gyre/net/resolve.h"
#include "gyre/net/socket_calls.h"
#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

using socket_calls::set_option;
using socket_calls::to_result;

result<endpoint> endpoint_of(const result<socket_calls::name>& found) noexcept {
  if (!found) return found.error();
  return endpoint::from(found->address);
}

result<descriptor> open_socket(int family, bool nonblocking) noexcept {
  return socket_calls::open(family, SOCK_STREAM, IPPROTO_TCP, nonblocking);
}

}  // namespace

task<result<tcp_stream>> tcp_stream::connect(endpoint peer) {
  auto socket = open_socket(peer.family(), loop::current().kernel().nonblocking());
  if (!socket) co_return socket.error();
  if (auto done = co_await op::connect(*socket, peer.data(), peer.size()); !done)
    co_return done.error();
  co_return tcp_stream(*std::move(socket));
}

task<result<tcp_stream>> tcp_stream::connect(std::string host, std::uint16_t port) {
  const auto found = co_await resolve(std::move(host), port);
  if (!found) co_return found.error();
  std::error_code last;
  for (const endpoint& each : *found) {
    auto connected = co_await connect(each);
    if (connected || connected.error() == std::errc::operation_canceled)
      co_return std::move(connected);
    last = connected.error();
  }
  co_return last;
}

result<void> tcp_stream::reset_on_close() noexcept {
  const linger at_once = {1, 0};
  return to_result(setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
}

result<endpoint> tcp_stream::peer() const noexcept {
  return endpoint_of(socket_calls::peer_name(socket_));
}
result<endpoint> tcp_stream::local() const noexcept {
  return endpoint_of(socket_calls::local_name(socket_));
}

result<void> tcp_stream::set_no_delay(bool on) noexcept {
  return set_option(socket_, IPPROTO_TCP, TCP_NODELAY, on);
}

result<void> tcp_stream::set_keep_alive(std::chrono::seconds idle, std::chrono::seconds interval,
                                        int probes) noexcept {
  if (auto done = set_option(socket_, IPPROTO_TCP, TCP_KEEPIDLE, idle.count()); !done) return done;
  if (auto done = set_option(socket_, IPPROTO_TCP, TCP_KEEPINTVL, interval.count()); !done)
    return done;
  if (auto done = set_option(socket_, IPPROTO_TCP, TCP_KEEPCNT, probes); !done) return done;
  return set_option(socket_, SOL_SOCKET, SO_KEEPALIVE, 1);
}

result<void> tcp_stream::set_keep_alive_off() noexcept {
  return set_option(socket_, SOL_SOCKET, SO_KEEPALIVE, 0);
}

result<void> tcp_stream::set_user_timeout(std::chrono::milliseconds limit) noexcept {
  return set_option(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, limit.count());
}

result<tcp_listener> tcp_listener::bind(const endpoint& local, const listen_options& options) {
  auto socket = open_socket(local.family(), true);
  if (!socket) return socket.error();
  if (auto done = set_option(*socket, SOL_SOCKET, SO_REUSEADDR, 1); !done) return done.error();
  const auto share_port = [&] { return set_option(*socket, SOL_SOCKET, SO_REUSEPORT, 1); };
  if (options.reuse_port && !options.first_of_port) {
    if (auto done = share_port(); !done) return done.error();
  }
  if (local.is_v6()) {
    auto done = set_option(*socket, IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6);
    if (!done) return done.error();
  }
  if (::bind(socket->number(), local.data(), local.size()) != 0) return errno_error(errno);
  if (options.reuse_port && options.first_of_port) {
    if (auto done = share_port(); !done) return done.error();
  }
  if (::listen(socket->number(), options.backlog) != 0) return errno_error(errno);
  return tcp_listener(*std::move(socket));
}

result<endpoint> tcp_listener::local() const noexcept {
  return endpoint_of(socket_calls::local_name(socket_));
}

accept_advice advise_accept(std::error_code error) noexcept {
  switch (error.value()) {
    // A connection that died in the queue, or an error of its network: see accept(2).
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
    case EAGAIN:
      return accept_advice::go_on;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return accept_advice::pause;
    default:
      return accept_advice::give_up;
  }
}

}  // namespace gyre
