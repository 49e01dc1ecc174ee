#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "gyre/io/descriptor.h"
#include "gyre/io/socket_ops.h"
#include "gyre/net/endpoint.h"
#include "gyre/net/stream_socket.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// A TCP connection: read, written and closed as stream_socket.h says.
class tcp_stream : public stream_socket {
 public:
  /// Connects to `peer`; see connect(2) for the errors. The connection attempt has no bound of its
  /// own but the kernel's (about two minutes).
  static task<result<tcp_stream>> connect(endpoint peer);
  /// Looks `host` up, see `resolve`, and connects to the first of its addresses that can be
  /// connected to, one after the other; where none can, the error is that of the last. One that
  /// does not answer is waited for as above before the next is tried.
  static task<result<tcp_stream>> connect(std::string host, std::uint16_t port);

  /// Takes over a connected socket.
  explicit tcp_stream(descriptor socket) noexcept : stream_socket(std::move(socket)) {}

  /// Lets close(2) drop the connection with a reset instead of sending what is unsent.
  result<void> reset_on_close() noexcept;

  result<endpoint> peer() const noexcept;
  result<endpoint> local() const noexcept;

  /// TCP_NODELAY: send small writes at once.
  result<void> set_no_delay(bool on) noexcept;
  /// Finds a peer that is gone while nothing is sent: a probe after `idle`, then each `interval`,
  /// and the connection ends with `timed_out` after `probes` without an answer. Whole seconds, at
  /// least one. See tcp(7).
  result<void> set_keep_alive(std::chrono::seconds idle, std::chrono::seconds interval,
                              int probes) noexcept;
  result<void> set_keep_alive_off() noexcept;
  /// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged before the connection ends with
  /// `timed_out`; 0 is the kernel's own rule.
  result<void> set_user_timeout(std::chrono::milliseconds limit) noexcept;
};

/// How a listener is set up.
class listen_options {
 public:
  listen_options() noexcept {}

  /// Connections that may wait to be accepted; the kernel's limit is net.core.somaxconn.
  int backlog = 4096;
  /// SO_REUSEPORT: several listeners share the port, and the kernel spreads connections over them
  /// by their addresses, however much the loops have to do. The other way is one listener, whose
  /// loop hands accepted streams over: see `tcp_listener::accept`.
  bool reuse_port = false;
  /// Besides: the port must be free, as without `reuse_port`, or it is `address_in_use`. For the
  /// first of several, which else would join those of another program of the same user.
  bool first_of_port = false;
  /// For v6 addresses: whether to leave v4 connections to others.
  bool only_v6 = true;
};

/// Accepts TCP connections. SO_REUSEADDR is set, so that a restarted server gets its port back.
class tcp_listener {
 public:
  /// Opens a socket at `local` and listens. Only in a task. Port 0 takes a free one; `local()`
  /// tells which. Fails with `address_in_use`, `permission_denied` (ports below 1024),
  /// `address_not_available`, ….
  static result<tcp_listener> bind(const endpoint& local,
                                   const listen_options& options = listen_options());

  class [[nodiscard]] accept_stream final : public op::accept {
   public:
    using op::accept::accept;
    result<tcp_stream> await_resume() noexcept {
      auto accepted = op::accept::await_resume();
      if (!accepted) return accepted.error();
      return tcp_stream(*std::move(accepted));
    }
  };

  /// The next connection. One that came before a stop is delivered. Errors that concern only the
  /// connection that failed (`connection_aborted`, …) or that pass (`too_many_files_open`) leave
  /// the listener good: see accept(2) and `advise_accept`.
  ///
  /// A stream belongs to the loop that accepted it, but may be moved to another while nothing is in
  /// flight on it; best before it is used:
  ///
  ///     auto adopt = [stream = *std::move(accepted)]() mutable {
  ///       gyre::spawn(serve(std::move(stream)));
  ///     };
  ///     const gyre::result<void> adopted = co_await cores.submit_to(core, adopt);
  ///
  /// Where that core has ended the stream is still in `adopt`.
  accept_stream accept() noexcept { return accept_stream(socket_); }

  result<endpoint> local() const noexcept;
  /// Ends what is in flight, then closes. Connections that were not accepted are reset.
  task<result<void>> close() { return socket_.close(); }

  descriptor& socket() noexcept { return socket_; }

 private:
  explicit tcp_listener(descriptor socket) noexcept : socket_(std::move(socket)) {}

  descriptor socket_;
};

/// What an acceptor should do about an error of `accept`.
enum class accept_advice {
  go_on,    ///< that one connection failed; the next may come at once
  pause,    ///< descriptors or memory are out: try again a little later
  give_up,  ///< the listener itself is no good, or the task was asked to stop
};
accept_advice advise_accept(std::error_code error) noexcept;

}  // namespace gyre
