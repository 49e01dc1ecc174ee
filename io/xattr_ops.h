#pragma once

#include <cstddef>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on extended attributes, see xattr(7), named as their system calls. Names, paths and
/// values belong to the caller and must stay until the operation has ended. All may wait for a
/// disk, and run on the backend's own threads; what runs there is not cancelled.
namespace gyre::op {

/// fgetxattr(2): gives the size of the value. `result_out_of_range` when `buffer` is too small; one
/// of 0 bytes asks for the size alone.
class [[nodiscard]] fgetxattr final : public operation {
 public:
  static const operation_kind kind;

  fgetxattr(descriptor& of, const char* name, std::span<std::byte> buffer) noexcept
      : operation(kind, &of.users()), fd_(of.number()), name_(name), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  const char* name_;
  std::span<std::byte> buffer_;
};

/// fsetxattr(2): `flags` is 0, XATTR_CREATE or XATTR_REPLACE.
class [[nodiscard]] fsetxattr final : public operation {
 public:
  static const operation_kind kind;

  fsetxattr(descriptor& of, const char* name, std::span<const std::byte> value, int flags) noexcept
      : operation(kind, &of.users()), fd_(of.number()), name_(name), value_(value), flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  const char* name_;
  std::span<const std::byte> value_;
  int flags_;
};

/// getxattr(2): `fgetxattr` by path, which follows symbolic links.
class [[nodiscard]] getxattr final : public operation {
 public:
  static const operation_kind kind;

  getxattr(const char* path, const char* name, std::span<std::byte> buffer) noexcept
      : operation(kind, nullptr), path_(path), name_(name), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const char* path_;
  const char* name_;
  std::span<std::byte> buffer_;
};

/// setxattr(2): `fsetxattr` by path, which follows symbolic links.
class [[nodiscard]] setxattr final : public operation {
 public:
  static const operation_kind kind;

  setxattr(const char* path, const char* name, std::span<const std::byte> value, int flags) noexcept
      : operation(kind, nullptr), path_(path), name_(name), value_(value), flags_(flags) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const char* path_;
  const char* name_;
  std::span<const std::byte> value_;
  int flags_;
};

/// flistxattr(2): the names, each with a NUL behind it; gives their size together.
/// `result_out_of_range` when `buffer` is too small; one of 0 bytes asks for the size alone.
class [[nodiscard]] flistxattr final : public operation {
 public:
  static const operation_kind kind;

  flistxattr(descriptor& of, std::span<char> buffer) noexcept
      : operation(kind, &of.users()), fd_(of.number()), buffer_(buffer) {}
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  std::span<char> buffer_;
};

/// fremovexattr(2).
class [[nodiscard]] fremovexattr final : public operation {
 public:
  static const operation_kind kind;

  fremovexattr(descriptor& of, const char* name) noexcept
      : operation(kind, &of.users()), fd_(of.number()), name_(name) {}
  result<void> await_resume() noexcept { return outcome_void(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int fd_;
  const char* name_;
};

/// All kinds of this header.
std::span<const operation_kind* const> xattr_operations() noexcept;

}  // namespace gyre::op
