#include "gyre/tests/io/sandbox.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gyre {
namespace {

// What seccomp(2) gives.
std::optional<int> install(std::vector<sock_filter> filter, unsigned flags) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return std::nullopt;
  const long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (done < 0) return std::nullopt;
  return static_cast<int>(done);
}

// What seccomp(2) gives for a filter that asks about `call`.
std::optional<int> listen_to(long call) {
  return install({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
                 SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

/// The errno that a call of this thread is to fail with, or 0.
using decision = std::function<int(std::uint32_t thread)>;

[[noreturn]] void answer_calls(int listener, const decision& decide) {
  while (true) {
    seccomp_notif call{};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
      if (errno == EINTR || errno == ENOENT) continue;
      std::abort();
    }
    seccomp_notif_resp answer{};
    answer.id = call.id;
    answer.error = -decide(call.pid);
    if (answer.error == 0) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0 && errno != ENOENT) std::abort();
  }
}

}  // namespace

void forbid(std::initializer_list<long> calls, int error) {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    filter.push_back(
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (static_cast<unsigned>(error) & 0xffff)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  if (!install(filter, 0)) std::abort();
}

void allow_rings_to(unsigned count, int error) {
  const int listener = listen_to(__NR_io_uring_setup).value();
  std::thread([=] {
    std::set<std::uint32_t> favoured;
    answer_calls(listener, [&](std::uint32_t thread) {
      if (favoured.size() < count) favoured.insert(thread);
      return favoured.contains(thread) ? 0 : error;
    });
  }).detach();
}

const std::atomic<unsigned>* fail_at_times(long call, int error) {
  static std::atomic<unsigned> calls = 0;
  const std::optional<int> listener = listen_to(call);
  if (!listener && errno == EBUSY) return nullptr;
  std::thread([fd = listener.value(), error] {
    answer_calls(fd, [error](std::uint32_t) { return ++calls % 5 == 0 ? error : 0; });
  }).detach();
  return &calls;
}

std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    std::string said;
    int status = 0;
    try {
      said = work();
    } catch (const std::exception& failure) {
      said = failure.what();
      status = 1;
    }
    [[maybe_unused]] const ssize_t size = write(ends[1], said.data(), said.size());
    _exit(status);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> piece;
  for (ssize_t size = 0; (size = read(ends[0], piece.data(), piece.size())) > 0;)
    text.append(piece.data(), static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << text;
  return text;
}

}  // namespace gyre
