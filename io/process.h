#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What one of a child's standard streams is.
class child_stream {
 public:
  /// The same as here.
  static child_stream inherited() noexcept { return child_stream(kind::inherited, -1); }
  /// /dev/null: nothing to read, and what is written is dropped.
  static child_stream null() noexcept { return child_stream(kind::null, -1); }
  /// A pipe, whose other end becomes a descriptor of the `process`.
  static child_stream piped() noexcept { return child_stream(kind::piped, -1); }
  /// `opened`, which stays the caller's, and open until `spawn` has ended. The child shares its
  /// position and its O_NONBLOCK.
  static child_stream from(const descriptor& opened) noexcept {
    return child_stream(kind::given, opened.number());
  }

 private:
  friend class process;
  enum class kind { inherited, null, piped, given };
  child_stream(kind how, int number) noexcept : how_(how), number_(number) {}

  kind how_;
  int number_;
};

/// How a child is started.
class spawn_options {
 public:
  spawn_options() noexcept {}

  child_stream input = child_stream::inherited();
  child_stream output = child_stream::inherited();
  child_stream error = child_stream::inherited();
  /// More descriptors: the number in the child, and what it is to be here. Others are closed by
  /// their close-on-exec flags, which all of Gyre's have. Any number below RLIMIT_NOFILE; else it
  /// is `bad_file_descriptor`, and `too_many_files_open` where too few are left that the child is
  /// not given: one is needed for each that it is.
  std::vector<std::pair<int, int>> redirections;
  /// `NAME=value` each; without it the child has this process's environment.
  std::optional<std::vector<std::string>> environment;
  /// The child's working directory; empty is this process's.
  std::string directory;
};

/// How a child ended.
class exit_status {
 public:
  explicit exit_status(const siginfo_t& ended) noexcept
      : exited_(ended.si_code == CLD_EXITED), number_(ended.si_status) {}

  /// Whether it ended by itself, with 0.
  bool succeeded() const noexcept { return exited_ && number_ == 0; }
  /// What it gave to exit(3), 0 to 255; none when a signal ended it.
  std::optional<int> code() const noexcept {
    return exited_ ? std::optional(number_) : std::nullopt;
  }
  /// The signal that ended it, if one did.
  std::optional<int> signal() const noexcept {
    return exited_ ? std::nullopt : std::optional(number_);
  }

 private:
  bool exited_;
  int number_;
};

/// A child process, by its pidfd (Linux 5.4): no signal is needed to learn of its end, and none
/// reaches another process that got its number. No child outlives its owner: to destroy a `process`
/// that has not been waited for kills the child with SIGKILL and reaps it, so that neither it nor a
/// zombie is left. That holds the loop up for as long as the kernel takes to end it; where it
/// matters `kill` and `wait` first. A child that this process may not kill, as one that runs a
/// set-user-ID program may be, is left to itself: only `wait` reaps it. The program must neither
/// ignore SIGCHLD nor reap children that are not its own (waitpid(-1, …)): `wait` then fails with
/// `no_child_process`.
class process {
 public:
  /// Starts `arguments[0]`, looked up in PATH where it has no slash, and gives it `arguments`. All
  /// signals have their default effect in it, none is blocked. Only in a task. What is started when
  /// a stop comes is delivered. Errors: `no_such_file_or_directory` (the program or the working
  /// directory), `permission_denied`, `executable_format_error`, `too_many_files_open`, …;
  /// `invalid_argument` without arguments, or where one of the strings contains NUL.
  static task<result<process>> spawn(std::vector<std::string> arguments,
                                     spawn_options options = spawn_options());

  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;
  /// See above; nothing may be in flight on it.
  ~process() { end(); }

  /// Waits for its end, and reaps it. Stopped, it can be called again. After it has ended, also by
  /// a call before, it gives the same at once. Not by two tasks at a time.
  task<result<exit_status>> wait();
  /// Sends it a signal, see pidfd_send_signal(2). `no_such_process` after its end.
  result<void> kill(int signal) noexcept;

  /// Its number, for people: another process may get it as soon as this one was waited for.
  pid_t number() const noexcept { return number_; }
  /// Becomes readable at its end.
  descriptor& pidfd() noexcept { return pidfd_; }

  // The ends of its pipes, where its streams are `piped`. Close `input` to let it find the end.
  descriptor input;
  descriptor output;
  descriptor error;

 private:
  process(pid_t number, descriptor pidfd) noexcept : number_(number), pidfd_(std::move(pidfd)) {}
  void end() noexcept;

  pid_t number_;
  descriptor pidfd_;
  std::optional<exit_status> ended_;
};

}  // namespace gyre
