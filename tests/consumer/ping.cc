// A program of somebody who uses Gyre: it sends a word to itself over TCP and prints what arrives.
#include <array>
#include <cstdio>
#include <span>

#include "gyre/io/run.h"
#include "gyre/net/endpoint.h"
#include "gyre/net/tcp.h"

gyre::task<int> ping() {
  auto listener = gyre::tcp_listener::bind(gyre::endpoint::loopback_v4(0)).value();
  auto client = (co_await gyre::tcp_stream::connect(listener.local().value())).value();
  auto server = (co_await listener.accept()).value();
  std::array<char, 4> word = {'p', 'i', 'n', 'g'}, heard = {};
  (co_await client.write_all(std::as_bytes(std::span(word)))).value();
  (co_await server.read_exactly(std::as_writable_bytes(std::span(heard)))).value();
  std::printf("%.4s\n", heard.data());
  co_return 0;
}

int main() {
  return gyre::run(ping());
}
