#include "gyre/io/choose_backend.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "gyre/io/epoll_backend.h"
#include "gyre/io/kill_switches.h"
#include "gyre/io/thread_backend.h"

namespace gyre {
namespace {

// errno by errno: what most often lies behind it, and what helps.
std::string_view remedy(std::error_code error) {
  switch (error.value()) {
    case ENOSYS:
      return "this kernel has no io_uring, or a sandbox hides it; allow the io_uring system calls "
             "(425 to 427) or run on Linux 5.19 or newer";
    case EPERM:
    case EACCES:
      return "a container's seccomp profile or the sysctl kernel.io_uring_disabled forbids it; "
             "allow the io_uring system calls (425 to 427) in the profile, or set the sysctl to 0";
    case ENOMEM:
      return "RLIMIT_MEMLOCK leaves no room for a ring; raise it (ulimit -l, LimitMEMLOCK=) or ask "
             "for a smaller ring";
    case EMFILE:
    case ENFILE:
      return "no descriptor is left for the ring; raise RLIMIT_NOFILE (ulimit -n)";
    case EINVAL:
      return "uring_options must ask for at least one submission, no fewer completions than "
             "submissions, and at least one operation in flight";
    case EOPNOTSUPP:
      return "the io_uring of this kernel is too old; run on Linux 5.19 or newer";
    default:
      return "see io_uring_setup(2)";
  }
}

// Why a backend can't be had, without the remedy.
std::string failure(std::string_view what, std::error_code error) {
  return std::string(what) + " can't be used: " + error.message() + " (errno " +
         std::to_string(error.value()) + ")";
}

// Who switched off what all else of a ring rests on; empty where nobody did.
std::string_view culprit(const uring_options& options, const kill_switches& also_without) {
  const opcode_set needed = uring_backend::indispensable();
  if ((also_without.opcodes & needed).any()) return "GYRE_WITHOUT";
  return (options.without & needed).any() ? "uring_options::without" : "";
}

/// Why io_uring can't be had, in a part of a sentence.
class uring_failure {
 public:
  uring_failure(std::error_code error, const uring_options& options,
                const kill_switches& also_without)
      : why(failure("io_uring", error)), with_remedy(why + ": ") {
    const std::string_view by = culprit(options, also_without);
    if (by.empty() || error != std::errc::operation_not_supported) {
      with_remedy.append(remedy(error));
      return;
    }
    why.append(": ").append(by).append(" has an opcode that all others rest on");
    with_remedy = why + "; leave nop, raw, poll, read and async_cancel out of it";
  }

  std::string why;
  std::string with_remedy;
};

std::string fallback_failure(std::string_view what, std::error_code error) {
  const bool full =
      error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system;
  return failure(what, error) +
         (full ? ": raise RLIMIT_NOFILE (ulimit -n)" : ": see epoll_create(2) and eventfd(2)");
}

backend_choice from_environment(backend_choice choice) {
  const char* name = std::getenv("GYRE_BACKEND");
  if (choice != backend_choice::automatic || !name || !*name) return choice;
  const auto parsed = parse_backend(name);
  if (!parsed)
    throw backend_error(parsed.error(), "GYRE_BACKEND is \"" + std::string(name) +
                                            "\", which is no backend: expected one of " +
                                            std::string(backend_names));
  return *parsed;
}

kill_switches switches_of_environment() {
  kill_switches switches;
  const char* names = std::getenv("GYRE_WITHOUT");
  if (const auto wrong = switches.add(names ? names : ""))
    throw backend_error(make_error_code(std::errc::invalid_argument), "GYRE_WITHOUT has " + *wrong);
  return switches;
}

std::unique_ptr<backend> make_uring(const uring_options& options,
                                    const kill_switches& also_without) {
  auto made = uring_backend::create(options, also_without);
  if (made) return *std::move(made);
  throw backend_error(made.error(), uring_failure(made.error(), options, also_without).with_remedy);
}

result<std::unique_ptr<epoll_backend>> create_epoll(const uring_options& uring,
                                                    std::string reason) {
  epoll_options options;
  options.spin = uring.spin;
  options.reason = std::move(reason);
  return epoll_backend::create(options);
}

std::unique_ptr<backend> make_epoll(const uring_options& uring) {
  auto made = create_epoll(uring, "");
  if (!made) throw backend_error(made.error(), fallback_failure("epoll", made.error()));
  return *std::move(made);
}

std::unique_ptr<backend> make_threads(std::string reason) {
  thread_options options;
  options.reason = std::move(reason);
  auto made = thread_backend::create(options);
  if (!made)
    throw backend_error(made.error(), fallback_failure("a backend of threads", made.error()));
  return *std::move(made);
}

std::unique_ptr<backend> make_best(const uring_options& options, const kill_switches& also_without,
                                   const log_hook& log) {
  auto uring = uring_backend::create(options, also_without);
  if (uring) return *std::move(uring);
  const uring_failure no_uring(uring.error(), options, also_without);
  auto epoll = create_epoll(options, no_uring.why);
  if (epoll) {
    say(log, "using epoll, because " + no_uring.with_remedy);
    return *std::move(epoll);
  }
  const std::string no_epoll = failure("epoll", epoll.error());
  auto threads = make_threads(no_uring.why + ", and " + no_epoll);
  say(log, "using threads, because " + no_epoll + ", and " + no_uring.with_remedy);
  return threads;
}

}  // namespace

result<backend_choice> parse_backend(std::string_view name) noexcept {
  if (name == "auto") return backend_choice::automatic;
  if (name == "uring") return backend_choice::uring;
  if (name == "epoll") return backend_choice::epoll;
  if (name == "threads") return backend_choice::threads;
  return std::errc::invalid_argument;
}

void say(const log_hook& log, std::string_view sentence) {
  if (log)
    log(sentence);
  else
    std::fprintf(stderr, "gyre: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

std::unique_ptr<backend> make_backend(backend_choice choice, const uring_options& uring,
                                      const log_hook& log) {
  choice = from_environment(choice);
  const kill_switches also_without = switches_of_environment();
  switch (choice) {
    case backend_choice::uring:
      return make_uring(uring, also_without);
    case backend_choice::epoll:
      return make_epoll(uring);
    case backend_choice::threads:
      return make_threads("");
    case backend_choice::automatic:
      break;
  }
  return make_best(uring, also_without, log);
}

}  // namespace gyre
