#include "gyre/io/message_ops.h"

#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

#include "gyre/io/system_call.h"

namespace gyre::op {

// Not as a submission: where a Unix datagram's receiver has no room, Linux (6.18) has taken the
// bytes from its iterator by then, tries again with what is left, and sends an empty message.
constinit const operation_kind send_message::kind("send_message", "sendmsg(2)",
                                                  awaited_thing::writing, ring_policy::perform,
                                                  IORING_OP_SENDMSG, "5.3");
send_message::send_message(descriptor& socket, std::span<const std::byte> data,
                           const sockaddr* address, socklen_t address_size,
                           std::span<std::byte> control) noexcept
    : send_message(socket, std::span(&data_, 1), address, address_size, control) {
  data_ = {const_cast<std::byte*>(data.data()), data.size()};
}
send_message::send_message(descriptor& socket, std::span<const iovec> buffers,
                           const sockaddr* address, socklen_t address_size,
                           std::span<std::byte> control) noexcept
    : operation(kind, &socket.users()), fd_(socket.number()), message_() {
  message_.msg_iov = const_cast<iovec*>(buffers.data());
  message_.msg_iovlen = buffers.size();
  if (address) {
    message_.msg_namelen = std::min<socklen_t>(address_size, sizeof address_);
    std::memcpy(&address_, address, message_.msg_namelen);
    message_.msg_name = &address_;
  }
  set_control(control);
}
void send_message::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_sendmsg(&sqe, fd_, &message_, MSG_NOSIGNAL);
}
int send_message::perform() noexcept {
  return system_call([this] { return ::sendmsg(fd_, &message_, MSG_DONTWAIT | MSG_NOSIGNAL); });
}
readiness send_message::ready_when() const noexcept {
  return {fd_, POLLOUT};
}
void send_message::set_control(std::span<std::byte> control) noexcept {
  message_.msg_control = control.empty() ? nullptr : control.data();
  message_.msg_controllen = control.size();
}

constinit const operation_kind receive_message::kind("receive_message", "recvmsg(2)",
                                                     awaited_thing::reading, ring_policy::submit,
                                                     IORING_OP_RECVMSG, "5.3");
receive_message::receive_message(descriptor& socket, std::span<std::byte> buffer,
                                 std::span<std::byte> control, int flags) noexcept
    : receive_message(socket, std::span(&buffer_, 1), control, flags) {
  buffer_ = {buffer.data(), buffer.size()};
}
receive_message::receive_message(descriptor& socket, std::span<const iovec> buffers,
                                 std::span<std::byte> control, int flags) noexcept
    : operation(kind, &socket.users()),
      fd_(socket.number()),
      flags_((flags & ~(MSG_WAITALL | MSG_DONTWAIT)) | MSG_CMSG_CLOEXEC),
      address_(),
      message_() {
  message_.msg_iov = const_cast<iovec*>(buffers.data());
  message_.msg_iovlen = buffers.size();
  message_.msg_name = &address_;
  message_.msg_namelen = sizeof address_;
  set_control(control);
}
void receive_message::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_recvmsg(&sqe, fd_, &message_, static_cast<unsigned>(flags_));
}
int receive_message::perform() noexcept {
  return system_call([this] { return ::recvmsg(fd_, &message_, flags_ | MSG_DONTWAIT); });
}
// What has a queue of its own must not be taken for what others read.
readiness receive_message::ready_when() const noexcept {
  if (flags_ & MSG_ERRQUEUE) return {fd_, POLLERR};
  if (flags_ & MSG_OOB) return {fd_, POLLPRI};
  return {fd_, POLLIN};
}
void receive_message::set_control(std::span<std::byte> control) noexcept {
  message_.msg_control = control.empty() ? nullptr : control.data();
  message_.msg_controllen = control.size();
}

std::size_t room_in(std::span<const iovec> buffers) noexcept {
  std::size_t room = 0;
  for (const iovec& each : buffers) room += each.iov_len;
  return room;
}

void write_ancillary(std::span<std::byte> control, int level, int type,
                     std::span<const std::byte> data) noexcept {
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(data.size());
  header.cmsg_level = level;
  header.cmsg_type = type;
  std::memset(control.data(), 0, control.size());
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + CMSG_LEN(0), data.data(), data.size());
}

std::span<const operation_kind* const> message_operations() noexcept {
  static constexpr const operation_kind* all[] = {&send_message::kind, &receive_message::kind};
  return all;
}

}  // namespace gyre::op
