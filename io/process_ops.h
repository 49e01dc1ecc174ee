#pragma once

#include <sys/types.h>

#include <csignal>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

/// Operations on child processes.
namespace gyre::op {

/// What a new process is to be; see `spawn_options` for what the parts mean.
class spawn_request {
 public:
  spawn_request() noexcept {}

  std::string program;
  std::vector<std::string> arguments;  ///< the first is the program's name for itself
  std::vector<std::string> environment;
  bool inherits_environment = true;
  std::string directory;
  std::vector<std::pair<int, int>> redirections;  ///< number in the child, descriptor here
};

/// Starts a program by posix_spawn(3) and opens its pidfd (Linux 5.3), on a thread of the backend's
/// pool: the caller is suspended until the program is loaded from the disk. All signals have their
/// default effect in the child, and none is blocked. What is started when a stop comes is
/// delivered. `request` must stay until the operation has ended.
class [[nodiscard]] spawn final : public operation {
 public:
  static const operation_kind kind;

  /// The new process's number, which nobody has waited for, and its pidfd.
  class child {
   public:
    child(pid_t number, int pidfd) noexcept : number(number), pidfd(pidfd) {}

    pid_t number;
    descriptor pidfd;
  };

  explicit spawn(const spawn_request& request) noexcept
      : operation(kind, nullptr), request_(&request) {}
  result<child> await_resume() noexcept;

  int perform() noexcept override;
  readiness ready_when() const noexcept override { return readiness::none(); }

 private:
  const spawn_request* request_;
  pid_t started_ = -1;
};

/// Waits for the end of a child by its pidfd and reaps it, see waitid(2). A child that was reaped
/// when a stop came is delivered. ECHILD: not a child of this process, or reaped already.
class [[nodiscard]] waitid final : public operation {
 public:
  static const operation_kind kind;

  explicit waitid(descriptor& pidfd) noexcept
      : operation(kind, &pidfd.users()), pidfd_(pidfd.number()), ended_() {}
  result<siginfo_t> await_resume() noexcept;

  void prepare(io_uring_sqe& sqe) noexcept override;
  int perform() noexcept override;
  readiness ready_when() const noexcept override;

 private:
  int pidfd_;
  siginfo_t ended_;
};

/// All kinds of this header.
std::span<const operation_kind* const> process_operations() noexcept;

}  // namespace gyre::op
