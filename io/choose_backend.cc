#include "gyre/io/choose_backend.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

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
    case EOPNOTSUPP:
      return "the io_uring of this kernel is too old; run on Linux 5.19 or newer";
    default:
      return "see io_uring_setup(2)";
  }
}

std::string uring_failure(std::error_code error) {
  return "io_uring can't be used: " + error.message() + " (errno " + std::to_string(error.value()) +
         "): " + std::string(remedy(error));
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

}  // namespace

result<backend_choice> parse_backend(std::string_view name) noexcept {
  if (name == "auto") return backend_choice::automatic;
  if (name == "uring") return backend_choice::uring;
  return std::errc::invalid_argument;
}

std::unique_ptr<backend> make_backend(backend_choice choice, const uring_options& uring,
                                      const log_hook& log) {
  (void)log;
  choice = from_environment(choice);
  auto made = uring_backend::create(uring);
  if (!made) throw backend_error(made.error(), uring_failure(made.error()));
  return *std::move(made);
}

}  // namespace gyre
