// Asio as its users write it, on one thread: asynchronous read, asynchronous write, callbacks.
//
//   asio_echo --port 9000
//
// Callbacks rather than coroutines, because they measure 2-6 % faster here. The concurrency hint
// says that one thread runs the context, so Asio takes its cheaper paths; switching off its locks
// altogether (ASIO_CONCURRENCY_HINT_UNSAFE, ASIO_DISABLE_THREADS) gains 1 % more at most.
#include <array>
#include <asio.hpp>
#include <memory>
#include <utility>

#include "gyre/benchmarks/echo/listener.h"

namespace {

using asio::ip::tcp;

// Asio takes one connection per accept that is outstanding and turn of its reactor, and a turn
// serves 128 sockets at most: with one outstanding accept thousands of busy connections starve the
// new ones for seconds.
constexpr int accepts = 64;

class connection : public std::enable_shared_from_this<connection> {
 public:
  explicit connection(tcp::socket socket) : socket_(std::move(socket)) {}

  void receive() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](asio::error_code error, std::size_t size) {
                              if (!error) self->send(size);
                            });
  }

 private:
  void send(std::size_t size) {
    asio::async_write(socket_, asio::buffer(buffer_.data(), size),
                      [self = shared_from_this()](asio::error_code error, std::size_t) {
                        if (!error) self->receive();
                      });
  }

  tcp::socket socket_;
  std::array<char, echo_buffer_size> buffer_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](asio::error_code error, tcp::socket socket) {
    if (error) echo_fail("async_accept", error.value());
    echo_no_delay(socket.native_handle());
    std::make_shared<connection>(std::move(socket))->receive();
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const echo_options options = echo_parse_options(argc, argv);
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), echo_listen(&options));
  for (int i = 0; i < accepts; i++) accept(acceptor);
  echo_announce(acceptor.native_handle());
  if (!options.spin) {
    context.run();
  } else {
    for (;;) context.poll();
  }
}
