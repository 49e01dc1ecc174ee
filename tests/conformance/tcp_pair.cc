#include "gyre/tests/conformance/tcp_pair.h"

#include <poll.h>
#include <sys/socket.h>

#include <vector>

namespace gyre::conformance {

tcp_listener listen_on_loopback() {
  return tcp_listener::bind(endpoint::loopback_v4(0)).value();
}

task<tcp_pair> connect_pair() {
  tcp_listener listener = listen_on_loopback();
  co_return co_await connect_pair(listener);
}

task<tcp_pair> connect_pair(tcp_listener& listener) {
  // The kernel completes a connection before anybody accepts it.
  tcp_stream client = (co_await tcp_stream::connect(listener.local().value())).value();
  tcp_stream server = (co_await listener.accept()).value();
  co_return tcp_pair(std::move(client), std::move(server));
}

void fill(tcp_pair& pair) {
  // Buffers whose size was set don't grow when they are full.
  pair.client.set_send_buffer(65536).value();
  pair.server.set_receive_buffer(65536).value();
  const int socket = pair.client.socket().number();
  const std::vector<char> much(1 << 20);
  pollfd writable = {socket, POLLOUT, 0};
  do {
    while (::send(socket, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
  } while (::poll(&writable, 1, 10) > 0);
}

}  // namespace gyre::conformance
