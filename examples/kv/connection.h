#pragma once

#include <cstddef>
#include <string>

#include "gyre/examples/kv/commands.h"
#include "gyre/examples/kv/core.h"
#include "gyre/examples/kv/input.h"
#include "gyre/examples/kv/resp_parser.h"
#include "gyre/examples/kv/round.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/task.h"

namespace kv {

/// One client's connection: reads, has all commands that came made at once, and writes the replies
/// in the order of the commands.
class connection {
 public:
  connection(core& home, gyre::tcp_stream stream);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  /// Serves until the client or the server's end ends it. The socket is closed by the destructor.
  gyre::task<> run();

  /// The server is about to end: what has come is answered, and nothing more is waited for.
  void drain() noexcept;
  connection* next() const noexcept { return next_; }

 private:
  gyre::task<bool> answer_all();
  void plan_round();
  gyre::task<bool> run_round();
  gyre::task<> answer_whole(plan asked);
  gyre::task<bool> write();
  gyre::task<> linger();

  core& home_;
  gyre::tcp_stream stream_;
  input input_;
  resp_parser parser_;
  round round_;
  std::size_t planned_ = 0;    // bytes of the commands in the round
  plan behind_ = plan::go_on;  // the round: what is about the whole server
  std::string output_;
  bool reading_ = false;
  bool closing_ = false;  // after the replies

  connection* next_ = nullptr;
  connection** link_ = nullptr;
};

/// Serves one connection and closes it.
gyre::task<> serve_connection(core& home, gyre::tcp_stream stream);

}  // namespace kv
