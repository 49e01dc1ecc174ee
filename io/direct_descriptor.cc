#include "gyre/io/direct_descriptor.h"

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "gyre/io/system_call.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/loop.h"

namespace gyre {
namespace {

constexpr char opened_twice[] = "a direct descriptor was opened that is open: close it first";

}  // namespace
namespace op {

void name_in_table(io_uring_sqe& sqe) noexcept {
  sqe.flags |= IOSQE_FIXED_FILE;
}

constinit const operation_kind direct_openat2::kind("direct_openat2", "openat2(2)",
                                                    awaited_thing::device, ring_policy::submit,
                                                    IORING_OP_OPENAT2, "5.15");
constinit const operation_kind direct_openat2::ordinary_kind("direct_openat2", "openat2(2)",
                                                             awaited_thing::device,
                                                             ring_policy::offload,
                                                             IORING_OP_OPENAT2, "5.15");
// What has no number can't be inherited: the kernel refuses O_CLOEXEC there.
direct_openat2::direct_openat2(direct_descriptor& slot, descriptor& directory, const char* path,
                               std::uint64_t flags, std::uint64_t mode,
                               std::uint64_t resolve) noexcept
    : operation(slot.in_table() ? kind : ordinary_kind, directory.users(), slot.users()),
      slot_(slot),
      directory_(directory.number()),
      path_(path),
      how_() {
  check(!slot.is_open(), opened_twice);
  flags |= O_NONBLOCK;
  how_.flags = slot.in_table() ? flags & ~std::uint64_t{O_CLOEXEC} : flags | O_CLOEXEC;
  how_.mode = mode;
  how_.resolve = resolve;
}
void direct_openat2::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_openat2_direct(&sqe, directory_, path_, &how_, static_cast<unsigned>(slot_.slot_));
}
int direct_openat2::perform() noexcept {
  return slot_.adopt(
      system_call([this] { return syscall(SYS_openat2, directory_, path_, &how_, sizeof how_); }));
}
result<void> direct_openat2::await_resume() noexcept {
  return slot_.opened(outcome());
}

constinit const operation_kind direct_socket::kind("direct_socket", "socket(2)",
                                                   awaited_thing::nothing, ring_policy::submit,
                                                   IORING_OP_SOCKET, "5.19");
constinit const operation_kind direct_socket::ordinary_kind("direct_socket", "socket(2)",
                                                            awaited_thing::nothing,
                                                            ring_policy::perform, IORING_OP_SOCKET,
                                                            "5.19");
direct_socket::direct_socket(direct_descriptor& slot, int domain, int type, int protocol) noexcept
    : operation(slot.in_table() ? kind : ordinary_kind, &slot.users()),
      slot_(slot),
      domain_(domain),
      type_(type),
      protocol_(protocol) {
  check(!slot.is_open(), opened_twice);
  if (slot.in_table()) return;
  type_ |= SOCK_CLOEXEC;
  if (slot.home_.kernel().nonblocking()) type_ |= SOCK_NONBLOCK;
}
void direct_socket::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_socket_direct(&sqe, domain_, type_, protocol_, static_cast<unsigned>(slot_.slot_),
                              0);
}
int direct_socket::perform() noexcept {
  return slot_.adopt(system_call([this] { return ::socket(domain_, type_, protocol_); }));
}
result<void> direct_socket::await_resume() noexcept {
  return slot_.opened(outcome());
}

constinit const operation_kind direct_close::kind("direct_close", "close(2)",
                                                  awaited_thing::nothing, ring_policy::submit,
                                                  IORING_OP_CLOSE, "5.15");
constinit const operation_kind direct_close::ordinary_kind("direct_close", "close(2)",
                                                           awaited_thing::nothing,
                                                           ring_policy::perform, IORING_OP_CLOSE,
                                                           "5.15");
direct_close::direct_close(direct_descriptor& slot) noexcept
    : operation(slot.in_table() ? kind : ordinary_kind, &slot.users()), slot_(slot) {}
void direct_close::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_close_direct(&sqe, static_cast<unsigned>(slot_.slot_));
}
int direct_close::perform() noexcept {
  return slot_.close_now();
}
result<void> direct_close::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  slot_.is_open_ = false;
  return {};
}

std::span<const operation_kind* const> direct_operations() noexcept {
  static constexpr const operation_kind* all[] = {&direct_openat2::kind, &direct_socket::kind,
                                                  &direct_close::kind};
  return all;
}

}  // namespace op

direct_descriptor::direct_descriptor() noexcept
    : home_(loop::current()), slot_(home_.kernel().take_direct_slot()), number_(slot_) {
  if (in_table()) number_.positions_ = descriptor::positions::some;  // which the kernel knows
}

direct_descriptor::~direct_descriptor() {
  check(loop::current_or_null() == &home_,
        "a direct descriptor was destroyed elsewhere than on its loop");
  if (!in_table()) return;
  number_.release();
  home_.kernel().return_direct_slot(slot_);
}

int direct_descriptor::adopt(int fd) noexcept {
  if (fd < 0) return fd;
  check(number_.users_.number < 0, opened_twice);
  number_.users_.number = fd;
  number_.unlearn();  // what an operation has found out while there was none
  return 0;
}

// In a link only the results tell what was open when it was opened: the table takes anything.
result<void> direct_descriptor::opened(int answer) noexcept {
  if (answer < 0) return errno_error(-answer);
  check(!is_open_, opened_twice);
  is_open_ = true;
  return {};
}

// Operations of the same link count on it still.
int direct_descriptor::close_now() noexcept {
  if (number_.users_.number < 0) return -EBADF;
  return number_.close_now() != 0 && errno != EINTR ? -errno : 0;
}

}  // namespace gyre
