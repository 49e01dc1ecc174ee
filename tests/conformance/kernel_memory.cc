#include "gyre/tests/conformance/kernel_memory.h"

#include <liburing.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <cstdint>

namespace gyre::conformance {
namespace {

using memory = std::vector<std::span<const std::byte>>;

void add(memory& all, const void* start, std::size_t size) {
  if (start && size > 0) all.emplace_back(static_cast<const std::byte*>(start), size);
}

void add_vector(memory& all, const iovec* parts, std::size_t count) {
  add(all, parts, count * sizeof *parts);
  for (std::size_t i = 0; i < count; ++i) add(all, parts[i].iov_base, parts[i].iov_len);
}

void add_message(memory& all, const msghdr& message) {
  add(all, &message, sizeof message);
  add(all, message.msg_name, message.msg_namelen);
  add(all, message.msg_control, message.msg_controllen);
  add_vector(all, message.msg_iov, message.msg_iovlen);
}

}  // namespace

memory kernel_memory_of(operation& asked) {
  memory all;
  if (!asked.kind().has_opcode()) return all;
  io_uring_sqe sqe{};
  asked.prepare(sqe);
  const auto* const start = reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sqe.addr));
  switch (sqe.opcode) {
    case IORING_OP_READ:
    case IORING_OP_WRITE:
    case IORING_OP_RECV:
    case IORING_OP_SEND:
      add(all, start, sqe.len);
      break;
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
      add_vector(all, static_cast<const iovec*>(start), sqe.len);
      break;
    case IORING_OP_RECVMSG:
    case IORING_OP_SENDMSG:
      add_message(all, *static_cast<const msghdr*>(start));
      break;
    case IORING_OP_STATX:
      add(all, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sqe.off)),
          sizeof(struct statx));
      break;
    case IORING_OP_GETXATTR:
    case IORING_OP_FGETXATTR:
    case IORING_OP_SETXATTR:
    case IORING_OP_FSETXATTR:
      add(all, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sqe.addr2)), sqe.len);
      break;
    case IORING_OP_CONNECT:
      add(all, start, sqe.off);
      break;
    default:
      break;
  }
  return all;
}

}  // namespace gyre::conformance
