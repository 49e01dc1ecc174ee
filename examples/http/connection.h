#pragma once

#include <cstddef>
#include <cstdint>

#include "gyre/examples/http/core.h"
#include "gyre/examples/http/exchange.h"
#include "gyre/examples/http/input.h"
#include "gyre/examples/http/request_parser.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"
#include "gyre/runtime/time.h"

namespace http {

/// One client's connection, from its acceptance to its end: reads, has each complete request
/// answered in order, writes what has gathered, and keeps the client within its limits of time.
class connection {
 public:
  connection(core& home, gyre::tcp_stream stream) noexcept;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  /// Serves until the client or a limit ends it. The socket is closed by the destructor.
  gyre::task<> run();

  /// The server is about to end. A connection without a request under way ends now, others with
  /// their answer.
  void drain() noexcept;
  connection* next() const noexcept { return next_; }

 private:
  enum class phase : std::uint8_t { idle, head, body };

  void enter(phase phase) noexcept;
  void await_nothing_more() noexcept;
  gyre::task<bool> take(gyre::result<std::size_t> got);
  gyre::task<bool> answer_one(request_parser::progress progress);
  gyre::task<bool> begin_body();
  gyre::task<bool> refuse(status status);
  gyre::task<bool> give_up(gyre::result<std::size_t> got);
  gyre::task<> linger();
  void request_ended() noexcept;
  bool can_go_on(const gyre::result<void>& outcome) noexcept;

  core& home_;
  gyre::tcp_stream stream_;
  input input_;
  request_parser parser_;
  exchange exchange_;
  phase phase_ = phase::idle;
  bool reading_ = false;
  bool closing_ = false;    // after what has gathered is written
  bool lingering_ = false;  // the client may still be sending
  gyre::steady_time deadline_;

  connection* next_ = nullptr;
  connection** link_ = nullptr;
};

/// Serves one connection and closes it.
gyre::task<> serve_connection(core& home, gyre::tcp_stream stream);

}  // namespace http
