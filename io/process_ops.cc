#include "gyre/io/process_ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <new>

#include "gyre/io/system_call.h"
#include "gyre/io/uring_abi.h"

namespace gyre::op {
namespace {

/// The lists of posix_spawn(3), which are made and unmade by calls.
class spawn_lists {
 public:
  spawn_lists() noexcept {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  spawn_lists(const spawn_lists&) = delete;
  spawn_lists& operator=(const spawn_lists&) = delete;
  ~spawn_lists() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// A C array of C strings.
std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& each : strings) pointers.push_back(const_cast<char*>(each.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// An errno, or 0. A pool's thread has all signals blocked, and the program may ignore some.
int reset_signals(spawn_lists& lists) noexcept {
  sigset_t set;
  sigemptyset(&set);
  if (const int error = posix_spawnattr_setsigmask(&lists.attributes, &set)) return error;
  sigfillset(&set);
  if (const int error = posix_spawnattr_setsigdefault(&lists.attributes, &set)) return error;
  return posix_spawnattr_setflags(&lists.attributes,
                                  POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/// What is given to a child, moved to numbers that nothing is given as, so that no redirection
/// overwrites the source of a later one.
class moved_sources {
 public:
  explicit moved_sources(const spawn_request& request) {
    for (const auto& [target, source] : request.redirections) targets_.push_back(target);
    std::ranges::sort(targets_);
    moved_.reserve(targets_.size());
  }

  /// The new number, or a negative errno.
  int move(int source) noexcept {
    for (int least = first_free_;;) {
      descriptor copy(fcntl(source, F_DUPFD_CLOEXEC, least));
      // Numbers from there on are not to be had.
      if (!copy.is_open()) return errno == EINVAL ? -EMFILE : -errno;
      least = copy.number() + 1;
      if (std::ranges::binary_search(targets_, copy.number())) continue;
      first_free_ = least;
      moved_.push_back(std::move(copy));
      return moved_.back().number();
    }
  }

 private:
  std::vector<int> targets_;
  std::vector<descriptor> moved_;
  int first_free_ = STDERR_FILENO + 1;
};

// An errno, or 0.
int redirect(const spawn_request& request, spawn_lists& lists, moved_sources& sources) noexcept {
  for (const auto& [target, source] : request.redirections) {
    const int moved = sources.move(source);
    if (moved < 0) return -moved;
    if (const int error = posix_spawn_file_actions_adddup2(&lists.actions, moved, target))
      return error;
  }
  if (request.directory.empty()) return 0;
  return posix_spawn_file_actions_addchdir_np(&lists.actions, request.directory.c_str());
}

// Gives the number of the process, or a negative errno.
int spawn_process(const spawn_request& request) {
  spawn_lists lists;
  moved_sources sources(request);
  if (const int error = reset_signals(lists)) return -error;
  if (const int error = redirect(request, lists, sources)) return -error;
  const std::vector<char*> arguments = pointers_to(request.arguments);
  const std::vector<char*> environment = pointers_to(request.environment);
  pid_t number = -1;
  const int error =
      posix_spawnp(&number, request.program.c_str(), &lists.actions, &lists.attributes,
                   arguments.data(), request.inherits_environment ? environ : environment.data());
  return error != 0 ? -error : number;
}

}  // namespace

constinit const operation_kind spawn::kind("spawn", "posix_spawn(3)", awaited_thing::device,
                                           ring_policy::offload);
int spawn::perform() noexcept {
  int number = -ENOMEM;
  try {
    number = spawn_process(*request_);
  } catch (const std::bad_alloc&) {
  }
  if (number < 0) return number;
  // It can't be another one: the number stays the child's until it is waited for.
  const int pidfd = system_call([&] { return syscall(SYS_pidfd_open, number, 0); });
  if (pidfd >= 0) {
    started_ = number;
  } else {
    kill(number, SIGKILL);
    system_call([&] { return waitpid(number, nullptr, 0); });
  }
  return pidfd;
}
result<spawn::child> spawn::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return child(started_, answer);
}

constinit const operation_kind waitid::kind("waitid", "waitid(2)", awaited_thing::events,
                                            ring_policy::submit, uring_abi::op_waitid, "6.7");
// As io_uring_prep_waitid(3) of liburing 2.6.
void waitid::prepare(io_uring_sqe& sqe) noexcept {
  io_uring_prep_rw(uring_abi::op_waitid, &sqe, pidfd_, nullptr, P_PIDFD,
                   reinterpret_cast<std::uintptr_t>(&ended_));
  sqe.file_index = WEXITED;
}
int waitid::perform() noexcept {
  ended_.si_pid = 0;
  const int answer = system_call(
      [this] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_), &ended_, WEXITED | WNOHANG); });
  return answer == 0 && ended_.si_pid == 0 ? -EAGAIN : answer;
}
readiness waitid::ready_when() const noexcept {
  return {pidfd_, POLLIN};
}
result<siginfo_t> waitid::await_resume() noexcept {
  const int answer = outcome();
  if (answer < 0) return errno_error(-answer);
  return ended_;
}

std::span<const operation_kind* const> process_operations() noexcept {
  static constexpr const operation_kind* all[] = {&spawn::kind, &waitid::kind};
  return all;
}

}  // namespace gyre::op
