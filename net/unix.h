#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/io/message_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/net/stream_socket.h"
#include "gyre/net/unix_address.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

/// Unix sockets, see unix(7). Buffers are the caller's and must stay until what got them has ended.
/// A stop ends it with `operation_canceled`, unless the result came first, which is then delivered.
/// Used on the loop's thread only.
namespace gyre {

/// Who is at the other end, as the kernel knows it.
class unix_credentials {
 public:
  unix_credentials() noexcept {}
  unix_credentials(pid_t process, uid_t user, gid_t group) noexcept
      : process(process), user(user), group(group) {}

  pid_t process = 0;
  uid_t user = 0;
  gid_t group = 0;
};

/// What was received along with data.
class unix_message {
 public:
  unix_message() noexcept {}

  std::size_t size = 0;    ///< bytes in the buffer
  std::size_t length = 0;  ///< bytes of the message; of a stream the same as `size`
  /// Owned here, in the order sent, close-on-exec. They share O_NONBLOCK with the sender.
  std::vector<descriptor> descriptors;
  /// More descriptors came than were asked for, or than this process may have: those were closed.
  bool descriptors_lost = false;
  /// The sender's, after `set_pass_credentials`.
  std::optional<unix_credentials> credentials;
  /// The sender's address where it has one; for datagrams.
  unix_address from;

  /// Whether the end of a message is missing; the kernel has dropped it.
  bool truncated() const noexcept { return length > size; }
};

/// The kernel passes no more descriptors in one message.
inline constexpr std::size_t passed_descriptors_max = 253;

/// One end of a stream of bytes: all that stream_socket.h says, and descriptors. What is read by
/// `read_some` and the like comes without its descriptors: those are closed.
class unix_stream : public stream_socket {
 public:
  /// Connects to the listener at `peer`. `resource_unavailable_try_again` at once where its queue
  /// is full: the kernel does not tell when there is room. `connection_refused` where nobody
  /// listens, `no_such_file_or_directory`, `permission_denied`, …
  static task<result<unix_stream>> connect(unix_address peer);
  /// Two ends of one connection: socketpair(2). Only in a task.
  static result<std::pair<unix_stream, unix_stream>> pair();

  /// Takes over a connected socket.
  explicit unix_stream(descriptor socket) noexcept : stream_socket(std::move(socket)) {}

  /// Writes what the socket takes of `data`, at least one byte, and with it copies of
  /// `descriptors`, which must stay open until then, and stay the caller's. `data` must not be
  /// empty, nor `descriptors` more than `passed_descriptors_max`: `invalid_argument`.
  task<result<std::size_t>> send(std::span<const std::byte> data, std::span<const int> descriptors);
  /// Reads what is there, at least one byte, with at most `most` descriptors. A `size` of 0 is the
  /// end of the stream.
  task<result<unix_message>> receive(std::span<std::byte> buffer, std::size_t most);
  /// The same of and into several buffers in turn. The entries are the caller's, as the buffers
  /// are, and at most IOV_MAX: `message_size` for more.
  task<result<std::size_t>> send(std::span<const iovec> buffers, std::span<const int> descriptors);
  task<result<unix_message>> receive(std::span<const iovec> buffers, std::size_t most);

  result<unix_address> local() const noexcept;
  result<unix_address> peer() const noexcept;
  /// Those of the process that connected or listened, at that time: SO_PEERCRED.
  result<unix_credentials> peer_credentials() const noexcept;
  /// SO_PASSCRED: `receive` gets the credentials of whoever sent.
  result<void> set_pass_credentials(bool on) noexcept;
};

/// A socket that carries messages, whole and in order. All of a message is sent, or nothing.
class unix_message_socket {
 public:
  /// Sends `data` as one message to the other end, and waits until there is room: `message_size`
  /// when it can't ever be.
  op::send_message send(std::span<const std::byte> data) noexcept {
    return {socket_, data, nullptr, 0, {}};
  }
  /// The same with copies of `descriptors`, which must stay open until then, and stay the
  /// caller's. At most `passed_descriptors_max`: else `invalid_argument`.
  task<result<std::size_t>> send(std::span<const std::byte> data, std::span<const int> descriptors);
  /// Waits for one message, with at most `most` descriptors. Not an error where the buffer is too
  /// small for it: look at `truncated()`. Without an end, but for unix_seqpacket: a `length` of 0
  /// is an empty message, or that the peer is gone.
  task<result<unix_message>> receive(std::span<std::byte> buffer, std::size_t most = 0);

  /// The same of and into several buffers in turn, which are one message together. The entries are
  /// the caller's, as the buffers are, and at most IOV_MAX: `message_size` for more.
  op::send_message send(std::span<const iovec> buffers) noexcept {
    return {socket_, buffers, nullptr, 0, {}};
  }
  task<result<std::size_t>> send(std::span<const iovec> buffers, std::span<const int> descriptors);
  task<result<unix_message>> receive(std::span<const iovec> buffers, std::size_t most = 0);

  result<unix_address> local() const noexcept;
  /// `not_connected` where there is none.
  result<unix_address> peer() const noexcept;
  /// Those of the process that connected or listened, at that time: SO_PEERCRED.
  result<unix_credentials> peer_credentials() const noexcept;
  /// SO_PASSCRED: `receive` gets the credentials of whoever sent.
  result<void> set_pass_credentials(bool on) noexcept;

  /// Ends what is in flight, then closes. The destructor closes too, but must find nothing in
  /// flight.
  task<result<void>> close() { return socket_.close(); }

  descriptor& socket() noexcept { return socket_; }

 protected:
  explicit unix_message_socket(descriptor socket) noexcept : socket_(std::move(socket)) {}

  descriptor socket_;
};

/// One end of a connection that carries messages.
class unix_seqpacket : public unix_message_socket {
 public:
  /// As `unix_stream::connect`.
  static task<result<unix_seqpacket>> connect(unix_address peer);
  /// Two ends of one connection: socketpair(2). Only in a task.
  static result<std::pair<unix_seqpacket, unix_seqpacket>> pair();

  /// Takes over a connected socket.
  explicit unix_seqpacket(descriptor socket) noexcept : unix_message_socket(std::move(socket)) {}

  /// Ends both directions: see shutdown(2).
  result<void> shutdown() noexcept;
};

/// A socket for messages without a connection. Unlike those of UDP they are neither lost nor
/// reordered.
class unix_datagram : public unix_message_socket {
 public:
  /// Opens a socket at `local`. Only in a task. A path is created, and stays when the socket is
  /// closed: `address_in_use` where there is one.
  static result<unix_datagram> bind(const unix_address& local);
  /// One without an address, which can send, and not be answered.
  static result<unix_datagram> open();
  /// Two that are connected to each other: socketpair(2). Only in a task.
  static result<std::pair<unix_datagram, unix_datagram>> pair();

  /// Takes over a socket.
  explicit unix_datagram(descriptor socket) noexcept : unix_message_socket(std::move(socket)) {}

  /// From now on `send` goes to `peer`. Waits for nothing.
  result<void> connect(const unix_address& peer) noexcept;
  /// Sends `data` to `peer` now: `resource_unavailable_try_again` where its queue is full. The
  /// kernel tells only connected sockets when there is room: to wait for it, `connect` and `send`.
  result<std::size_t> try_send_to(std::span<const std::byte> data,
                                  const unix_address& peer) noexcept;
};

/// A listening socket, without what it accepts. `unix_listener` and `unix_seqpacket_listener` are
/// what to use.
class unix_listening_socket {
 public:
  result<unix_address> local() const noexcept;
  /// Ends what is in flight, then closes. A path stays: whoever made it removes it.
  task<result<void>> close() { return socket_.close(); }
  descriptor& socket() noexcept { return socket_; }

 protected:
  explicit unix_listening_socket(descriptor socket) noexcept : socket_(std::move(socket)) {}
  static result<descriptor> listen(int type, const unix_address& local, int backlog) noexcept;

  descriptor socket_;
};

/// Accepts connections: `Socket` is unix_stream or unix_seqpacket, `type` the same for socket(2).
template <class Socket, int type>
class basic_unix_listener : public unix_listening_socket {
 public:
  /// Opens a socket at `local` and listens, with at most `backlog` connections that wait. Only in a
  /// task. A path is created: `address_in_use` where there is one.
  static result<basic_unix_listener> bind(const unix_address& local, int backlog = 4096) {
    auto socket = listen(type, local, backlog);
    if (!socket) return socket.error();
    return basic_unix_listener(*std::move(socket));
  }

  class [[nodiscard]] accept_socket final : public op::accept {
   public:
    using op::accept::accept;
    result<Socket> await_resume() noexcept {
      auto accepted = op::accept::await_resume();
      if (!accepted) return accepted.error();
      return Socket(*std::move(accepted));
    }
  };

  /// The next connection. One that came before a stop is delivered. For errors see `advise_accept`
  /// in tcp.h.
  accept_socket accept() noexcept { return accept_socket(socket_); }

 private:
  explicit basic_unix_listener(descriptor socket) noexcept
      : unix_listening_socket(std::move(socket)) {}
};

using unix_listener = basic_unix_listener<unix_stream, SOCK_STREAM>;
using unix_seqpacket_listener = basic_unix_listener<unix_seqpacket, SOCK_SEQPACKET>;

}  // namespace gyre
