#include "gyre/io/signals.h"

#include <cerrno>
#include <csignal>
#include <span>

#include "gyre/io/file_ops.h"

namespace gyre {
namespace {

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

}  // namespace

// Non-blocking for every backend, as in fs/watch.cc: older kernels know plain read(2) only here.
result<signals> signals::create(std::initializer_list<int> numbers) {
  const sigset_t set = set_of(numbers);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return errno_error(errno);
  return signals(fd);
}

task<result<int>> signals::next() {
  signalfd_siginfo info;
  const auto got = co_await op::read(source_, std::as_writable_bytes(std::span(&info, 1)));
  if (!got) co_return got.error();
  co_return static_cast<int>(info.ssi_signo);
}

void block_signals(std::initializer_list<int> numbers) {
  const sigset_t set = set_of(numbers);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace gyre
