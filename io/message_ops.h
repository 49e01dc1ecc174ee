#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Messages with addresses and ancillary data. As in socket_ops.h, buffers are the caller's until
/// the operation has ended, and a stop ends it with `operation_canceled` unless the result came
/// first. So are the entries of several buffers, which are one message together: gathered from them
/// in turn, or spread over them. At most IOV_MAX: `message_size` for more.
namespace gyre::op {

/// sendmsg(2) of one message: as much of it as a stream takes, or all of a datagram. Never raises
/// SIGPIPE.
class [[nodiscard]] send_message : public operation {
 public:
  static const operation_kind kind;

  /// `address` is copied; null where the socket is connected. `control` is as cmsg(3) wants it.
  send_message(descriptor& socket, std::span<const std::byte> data, const sockaddr* address,
               socklen_t address_size, std::span<std::byte> control) noexcept;
  /// The same of several buffers.
  send_message(descriptor& socket, std::span<const iovec> buffers, const sockaddr* address,
               socklen_t address_size, std::span<std::byte> control) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;
  bool linkable() const noexcept override { return false; }

 protected:
  /// For derived classes that keep the ancillary data themselves.
  void set_control(std::span<std::byte> control) noexcept;

 private:
  int fd_;
  iovec data_ = {};  // where it is one buffer
  sockaddr_storage address_;
  msghdr message_;
};

/// recvmsg(2) of one message. Descriptors in it are close-on-exec. Whoever awaits it owns them, and
/// looks for them in `message()`.
class [[nodiscard]] receive_message : public operation {
 public:
  static const operation_kind kind;

  /// `flags` are those of recvmsg(2): with MSG_TRUNC the result is a datagram's whole length, even
  /// where the buffer holds less. MSG_WAITALL and MSG_DONTWAIT have no effect: it waits for
  /// something, and for no more. Only a ring would collect a stream's bytes until there are enough,
  /// and cut a link where they were not.
  receive_message(descriptor& socket, std::span<std::byte> buffer, std::span<std::byte> control,
                  int flags) noexcept;
  /// The same into several buffers.
  receive_message(descriptor& socket, std::span<const iovec> buffers, std::span<std::byte> control,
                  int flags) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

  // After it has ended without an error:
  /// What the kernel filled in: flags, ancillary data.
  const msghdr& message() const noexcept { return message_; }
  /// The sender's address; its size is `message().msg_namelen`, 0 where there is none.
  const sockaddr_storage& address() const noexcept { return address_; }

 protected:
  /// For derived classes that keep the ancillary data themselves.
  void set_control(std::span<std::byte> control) noexcept;

 private:
  int fd_;
  int flags_;
  iovec buffer_ = {};  // where it is one
  sockaddr_storage address_;
  msghdr message_;
};

/// The bytes that several buffers hold.
std::size_t room_in(std::span<const iovec> buffers) noexcept;

/// Fills `control` with one piece of ancillary data, see cmsg(3). It has room for CMSG_SPACE of
/// `data`, and the alignment of cmsghdr.
void write_ancillary(std::span<std::byte> control, int level, int type,
                     std::span<const std::byte> data) noexcept;

/// All kinds of this header.
std::span<const operation_kind* const> message_operations() noexcept;

}  // namespace gyre::op
