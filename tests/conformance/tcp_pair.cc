#include "gyre/tests/conformance/tcp_pair.h"

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
  auto client = co_await tcp_stream::connect(listener.local().value());
  auto server = co_await listener.accept();
  co_return tcp_pair(std::move(client).value(), std::move(server).value());
}

}  // namespace gyre::conformance
