#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// The steps of `copy`, see copy.h.
namespace gyre::op {

/// copy_file_range(2): from one file to another, in the file system where it can; 0 at the end. A
/// stop does not interrupt it.
class [[nodiscard]] copy_file_range final : public operation {
 public:
  static const operation_kind kind;

  copy_file_range(descriptor& source, std::uint64_t source_offset, descriptor& sink,
                  std::uint64_t sink_offset, std::size_t most) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int source_;
  std::int64_t source_offset_;
  int sink_;
  std::int64_t sink_offset_;
  std::size_t most_;
};

/// From a socket or a pipe into a pipe, by splice(2): at least one byte; 0 is the end. Nobody else
/// may read from the source meanwhile. The pipe must have room: `no_buffer_space` when it is full.
/// TCP's urgent data is not spliced: `no_message` where it comes next, or 0 as at the end.
class [[nodiscard]] splice_from_stream final : public operation {
 public:
  static const operation_kind kind;

  splice_from_stream(descriptor& source, descriptor& pipe, std::size_t most) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int source_;
  int pipe_;
  unsigned most_;
};

/// From a pipe into a file at an offset, by splice(2): at least one byte. The pipe must hold
/// something: `no_message_available` when it is empty.
class [[nodiscard]] splice_to_file final : public operation {
 public:
  static const operation_kind kind;

  splice_to_file(descriptor& pipe, descriptor& file, std::uint64_t offset,
                 std::size_t most) noexcept;
  result<std::size_t> await_resume() noexcept { return outcome_size(); }

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  int pipe_;
  int file_;
  std::int64_t offset_;
  unsigned most_;
};

/// All kinds of this header.
std::span<const operation_kind* const> copy_operations() noexcept;

}  // namespace gyre::op
