#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace gyre {

/// An operation that a backend carries out in another way than it is made for, because something is
/// missing.
class emulated_operation {
 public:
  emulated_operation(std::string name, std::string how, std::string why)
      : name(std::move(name)), how(std::move(how)), why(std::move(why)) {}

  std::string name;  ///< as in docs/operations.md
  std::string how;   ///< `system call`, `system call, then poll` or `pool`
  std::string why;   ///< `the kernel lacks opcode 50`, `GYRE_WITHOUT`, …
};

/// What a backend uses where it can be had, and does without elsewhere.
class optional_feature {
 public:
  /// With no reason why not it is in use.
  optional_feature(std::string name, std::string why_not)
      : name(std::move(name)), why_not(std::move(why_not)) {}

  bool in_use() const noexcept { return why_not.empty(); }

  std::string name;     ///< as GYRE_WITHOUT takes it
  std::string why_not;  ///< `the kernel lacks it`, `GYRE_WITHOUT`, …; empty where it is in use
};

/// What a backend says about itself: what it is, what it got from the kernel, and what it has to do
/// without. A copy that refers to nothing: it may go to any thread, and outlive the backend.
class backend_report {
 public:
  /// `backend` as `backend::name` gives it; `interface` is what a person calls it.
  backend_report(std::string backend, std::string interface)
      : backend(std::move(backend)), interface(std::move(interface)) {}

  std::string backend;    ///< `uring`, `epoll`, …
  std::string interface;  ///< `io_uring`, `epoll`, …
  /// Why no better one; empty where it was asked for, or is the best.
  std::string reason;
  /// Sizes, flags and bounds, each in a few words: `single issuer`, `up to 4 threads`, …
  std::vector<std::string> obtained;
  std::vector<optional_feature> features;
  /// Opcodes of io_uring in use, each with its operations: `22 (read, read_at)`.
  std::vector<std::string> opcodes;
  /// How many opcodes there are that Gyre has operations for; 0 where there is no ring.
  std::size_t opcodes_known = 0;
  /// Only what is missing here; what is a system call on every kernel is counted below.
  std::vector<emulated_operation> emulated;
  /// How many operations are submitted to a ring in links at most, since each would cost a kernel
  /// worker; see docs/operations.md.
  std::size_t not_submitted_alone = 0;

  /// One line: the interface, what was obtained, the features in use, the names of the emulated
  /// operations, and why no better backend.
  std::string summary() const;
  /// Several lines, with a reason for whatever is missing. Each ends with a newline.
  std::string text() const;
};

}  // namespace gyre
