#pragma once

#include <utility>

#include "gyre/net/tcp.h"
#include "gyre/runtime/task.h"

namespace gyre::conformance {

/// Two ends of one TCP connection over loopback.
class tcp_pair {
 public:
  tcp_pair(tcp_stream client, tcp_stream server) noexcept
      : client(std::move(client)), server(std::move(server)) {}

  tcp_stream client;
  tcp_stream server;
};

/// Connects one, over v4. Throws what goes wrong.
task<tcp_pair> connect_pair();

/// A connection from `listener` to itself.
task<tcp_pair> connect_pair(tcp_listener& listener);

/// Sends from the client's end until the connection takes no more, and has not for a while. By
/// system calls: a backend that is slow must not be taken for a socket that is full.
void fill(tcp_pair& pair);

/// A listener on a free port of 127.0.0.1.
tcp_listener listen_on_loopback();

}  // namespace gyre::conformance
