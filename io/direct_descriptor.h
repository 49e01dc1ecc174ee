#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>

#include "gyre/io/descriptor.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre {

class direct_descriptor;
class loop;

namespace op {

/// Makes an entry's file one of the ring's own table.
void name_in_table(io_uring_sqe& sqe) noexcept;
/// `kind`, but always run by the ring.
constexpr operation_kind in_table(const operation_kind& kind) noexcept {
  return {kind.name, kind.call, kind.waits_for, ring_policy::submit, kind.opcode, kind.since};
}
/// The kind of an operation on an ordinary descriptor of which it is not known yet whether it will
/// have positions.
template <class Operation>
constexpr const operation_kind& of_any_descriptor() noexcept {
  if constexpr (requires { Operation::unpositioned_kind; })
    return Operation::unpositioned_kind;
  else
    return Operation::kind;
}

/// openat2(2) into a direct descriptor.
class [[nodiscard]] direct_openat2 final : public operation {
 public:
  static const operation_kind kind;
  static const operation_kind ordinary_kind;

  direct_openat2(direct_descriptor& slot, descriptor& directory, const char* path,
                 std::uint64_t flags, std::uint64_t mode, std::uint64_t resolve) noexcept;
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  int awaited_descriptor() const noexcept override { return -1; }

 private:
  direct_descriptor& slot_;
  int directory_;
  const char* path_;
  open_how how_;
};

/// socket(2) into a direct descriptor.
class [[nodiscard]] direct_socket final : public operation {
 public:
  static const operation_kind kind;
  static const operation_kind ordinary_kind;

  direct_socket(direct_descriptor& slot, int domain, int type, int protocol) noexcept;
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  int awaited_descriptor() const noexcept override { return -1; }

 private:
  direct_descriptor& slot_;
  int domain_;
  int type_;
  int protocol_;
};

/// close(2) of a direct descriptor.
class [[nodiscard]] direct_close final : public operation {
 public:
  static const operation_kind kind;
  static const operation_kind ordinary_kind;

  explicit direct_close(direct_descriptor& slot) noexcept;
  result<void> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }
  int awaited_descriptor() const noexcept override { return -1; }

 private:
  direct_descriptor& slot_;
};

template <class Operation, class... Arguments>
class on_direct;

/// The kinds of this header, as the ring runs them.
std::span<const operation_kind* const> direct_operations() noexcept;

}  // namespace op

/// A descriptor that only operations know: with io_uring it is a place in the ring's own table of
/// files and has no number, so that opening, using and closing it can be one submission:
///
///     gyre::direct_descriptor slot;
///     auto [opened, got, closed] = co_await gyre::link(
///         slot.open(directory, "name", O_RDONLY), slot.read_at(buffer, 0), slot.close());
///
/// Where there is no such table (other backends, old kernels, more than 256 at once) it is an
/// ordinary close-on-exec descriptor, with the same results. Where a link was cut before its end it
/// stays open; the destructor closes it, so that none leaks. Belongs to the loop that it was made
/// on, and must be destroyed there; nothing may be in flight on it then, or while it is closed but
/// what comes before `close` in a link.
class direct_descriptor {
 public:
  direct_descriptor() noexcept;
  direct_descriptor(const direct_descriptor&) = delete;
  direct_descriptor& operator=(const direct_descriptor&) = delete;
  ~direct_descriptor();

  /// Opens `path` relative to `directory`, as openat2(2) does, with O_NONBLOCK. It must not be
  /// open.
  op::direct_openat2 open(descriptor& directory, const char* path, std::uint64_t flags,
                          std::uint64_t mode = 0, std::uint64_t resolve = 0) noexcept {
    return {*this, directory, path, flags, mode, resolve};
  }
  /// A new socket, as by socket(2). It must not be open.
  op::direct_socket socket(int domain, int type, int protocol = 0) noexcept {
    return {*this, domain, type, protocol};
  }
  /// `bad_file_descriptor` where it is not open.
  op::direct_close close() noexcept { return op::direct_close(*this); }

  /// As the operations of these names on files and sockets. What has no positions, as a FIFO, is
  /// `invalid_seek` to `read_at` where it is an ordinary descriptor. A ring takes no notice of
  /// positions, and can't be asked what lies in its table: from there `read_at` reads it until the
  /// buffer is full; what it has read when it is stopped before is lost. It is for files.
  op::on_direct<op::read_at, std::span<std::byte>, std::uint64_t> read_at(
      std::span<std::byte> buffer, std::uint64_t offset) noexcept;
  op::on_direct<op::recv, std::span<std::byte>> recv(std::span<std::byte> buffer) noexcept;
  op::on_direct<op::recv_exactly, std::span<std::byte>> recv_exactly(
      std::span<std::byte> buffer) noexcept;
  op::on_direct<op::send_all, std::span<const std::byte>> send_all(
      std::span<const std::byte> buffer) noexcept;
  /// `address` must stay until the operation has ended.
  /// To a Unix listener whose queue is full it may wait for room, or not: that is the kernel's.
  op::on_direct<op::connect, const sockaddr*, socklen_t> connect(const sockaddr* address,
                                                                 socklen_t size) noexcept;

  bool is_open() const noexcept { return is_open_; }
  /// Whether it lies in a table of the ring's.
  bool in_table() const noexcept { return slot_ >= 0; }

 private:
  friend class op::direct_openat2;
  friend class op::direct_socket;
  friend class op::direct_close;
  template <class Operation, class... Arguments>
  friend class op::on_direct;

  int adopt(int fd) noexcept;
  result<void> opened(int answer) noexcept;
  int close_now() noexcept;
  descriptor_users& users() noexcept { return number_.users(); }

  loop& home_;
  const int slot_;     // in the table, or -1
  descriptor number_;  // the slot, or an ordinary descriptor
  bool is_open_ = false;
};

namespace op {

/// An operation on a direct descriptor, of which it is known only at its turn what it refers to.
template <class Operation, class... Arguments>
class [[nodiscard]] on_direct final : public operation {
 public:
  on_direct(direct_descriptor& slot, Arguments... arguments) noexcept
      : operation(slot.in_table() ? kind_in_table : of_any_descriptor<Operation>(), &slot.users(),
                  whole),
        slot_(slot),
        arguments_(arguments...) {}
  auto await_resume() noexcept {
    begun().adopt(outcome());
    return begun().await_resume();
  }

  void prepare(io_uring_sqe& sqe) noexcept override {
    begun().prepare(sqe);
    if (slot_.in_table()) name_in_table(sqe);
  }
  void prepare_linked(io_uring_sqe& sqe) noexcept override {
    begun().prepare_linked(sqe);
    if (slot_.in_table()) name_in_table(sqe);
  }
  int perform() noexcept override { return begun().perform(); }
  int perform_cached() noexcept override { return begun().perform_cached(); }
  readiness ready_when() const noexcept override {
    const readiness awaited = begun().ready_when();
    return slot_.in_table() ? readiness(-1, awaited.events) : awaited;
  }
  int awaited_descriptor() const noexcept override {
    return slot_.in_table() ? -1 : slot_.number_.number();
  }
  bool linkable() const noexcept override { return slot_.in_table() && begun().linkable(); }
  bool fell_short(int count) const noexcept override { return begun().fell_short(count); }

 private:
  static inline const operation_kind kind_in_table = in_table(Operation::kind);

  bool advance_by(int count) noexcept override { return begun().advance(count); }
  Operation& begun() const noexcept {
    if (!begun_)
      std::apply([this](Arguments... each) { begun_.emplace(slot_.number_, each...); }, arguments_);
    return *begun_;
  }

  direct_descriptor& slot_;
  std::tuple<Arguments...> arguments_;
  mutable std::optional<Operation> begun_;
};

}  // namespace op

inline op::on_direct<op::read_at, std::span<std::byte>, std::uint64_t> direct_descriptor::read_at(
    std::span<std::byte> buffer, std::uint64_t offset) noexcept {
  return {*this, buffer, offset};
}
inline op::on_direct<op::recv, std::span<std::byte>> direct_descriptor::recv(
    std::span<std::byte> buffer) noexcept {
  return {*this, buffer};
}
inline op::on_direct<op::recv_exactly, std::span<std::byte>> direct_descriptor::recv_exactly(
    std::span<std::byte> buffer) noexcept {
  return {*this, buffer};
}
inline op::on_direct<op::send_all, std::span<const std::byte>> direct_descriptor::send_all(
    std::span<const std::byte> buffer) noexcept {
  return {*this, buffer};
}
inline op::on_direct<op::connect, const sockaddr*, socklen_t> direct_descriptor::connect(
    const sockaddr* address, socklen_t size) noexcept {
  return {*this, address, size};
}

}  // namespace gyre
