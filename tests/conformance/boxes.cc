#include "gyre/tests/conformance/boxes.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "gyre/io/choose_backend.h"

namespace gyre::conformance {
namespace {

constexpr uid_t nobody = 65534;

void expect_success(int result, const char* call) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), call);
}

// A filter stays for as long as the process lives, so one is enough.
bool forbid_io_uring(int error) {
  const std::array<sock_filter, 4> filter = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {filter.size(), const_cast<sock_filter*>(filter.data())};
  expect_success(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  expect_success(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "PR_SET_SECCOMP");
  return true;
}

std::unique_ptr<backend> automatic() {
  return make_backend(backend_choice::automatic, uring_options(), [](std::string_view) {});
}

/// Nobody, who may lock no memory, for as long as it lives. Without root's privileges this process
/// is that already, but for the limit.
class unprivileged {
 public:
  unprivileged() : user_(geteuid()) {
    expect_success(getrlimit(RLIMIT_MEMLOCK, &before_), "getrlimit");
    const rlimit none = {0, before_.rlim_max};
    expect_success(setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit");
    if (user_ == 0) expect_success(setresuid(nobody, nobody, 0), "setresuid");
  }
  unprivileged(const unprivileged&) = delete;
  unprivileged& operator=(const unprivileged&) = delete;
  ~unprivileged() {
    if (user_ == 0 && setresuid(0, 0, 0) != 0) std::terminate();
    setrlimit(RLIMIT_MEMLOCK, &before_);
  }

 private:
  const uid_t user_;
  rlimit before_;
};

}  // namespace

std::unique_ptr<backend> without_io_uring(int error) {
  [[maybe_unused]] static const bool forbidden = forbid_io_uring(error);
  std::unique_ptr<backend> made = automatic();
  if (std::string_view(made->name()) != "epoll")
    throw std::runtime_error("not epoll, but " + made->report().summary());
  return made;
}

std::unique_ptr<backend> without_locked_memory() {
  const unprivileged user;
  return automatic();
}

}  // namespace gyre::conformance
