#include <array>

#include "gyre/io/run.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"

gyre::task<> echo(gyre::tcp_stream stream) {
  std::array<std::byte, 4096> buffer;
  while (auto got = co_await stream.read_some(buffer))
    if (*got == 0 || !co_await stream.write_all(std::span(buffer).first(*got))) break;
}

gyre::task<> serve() {
  auto listener = gyre::tcp_listener::bind(gyre::endpoint::loopback_v4(7000)).value();
  co_await gyre::with_scope([&](gyre::scope& connections) -> gyre::task<> {
    while (auto stream = co_await listener.accept()) connections.spawn(echo(*std::move(stream)));
  });
}

int main() {
  gyre::run(serve());
}
