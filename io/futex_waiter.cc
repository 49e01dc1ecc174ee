#include "gyre/io/futex_waiter.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include "gyre/io/system_call.h"

namespace gyre {
namespace {

constexpr std::size_t stack_size = 128 << 10;
constexpr timespec slice = {0, 20'000'000};

std::uint64_t address_of(const std::atomic<std::uint32_t>& word) noexcept {
  return reinterpret_cast<std::uintptr_t>(&word);
}

}  // namespace

std::uint32_t futex_flags(futex_sharing sharing) noexcept {
  return FUTEX_32 | (sharing == futex_sharing::in_process ? FUTEX_PRIVATE_FLAG : 0);
}

futex_waiter::futex_waiter(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                           futex_sharing sharing, descriptor ended) noexcept
    : word_(word), expected_(expected), sharing_(sharing), ended_(std::move(ended)) {}

std::unique_ptr<futex_waiter> futex_waiter::begin(const std::atomic<std::uint32_t>& word,
                                                  std::uint32_t expected, futex_sharing sharing,
                                                  int& error) noexcept {
  descriptor ended(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ended.is_open()) {
    error = errno;
    return nullptr;
  }
  std::unique_ptr<futex_waiter> begun(new (std::nothrow)
                                          futex_waiter(word, expected, sharing, std::move(ended)));
  error = begun ? begun->start() : ENOMEM;
  return error == 0 ? std::move(begun) : nullptr;
}

// The errno, or 0. EAGAIN, which a futex has another meaning for, is for want of threads.
int futex_waiter::start() noexcept {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  sigset_t all;
  sigfillset(&all);
  pthread_attr_setsigmask_np(&attributes, &all);
  const int error = pthread_create(
      &thread_, &attributes,
      [](void* self) -> void* {
        static_cast<futex_waiter*>(self)->work();
        return nullptr;
      },
      this);
  pthread_attr_destroy(&attributes);
  running_ = error == 0;
  return error == EAGAIN ? ENOMEM : error;
}

int futex_waiter::end() noexcept {
  if (!std::exchange(running_, false)) return result_;
  given_up_.store(1, std::memory_order_release);
  syscall(SYS_futex, &given_up_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  pthread_join(thread_, nullptr);
  return result_;
}

void futex_waiter::work() noexcept {
  pthread_setname_np(pthread_self(), "gyre-futex");
  result_ = wait();
  has_ended_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(ended_.number(), &one, sizeof one);
}

// Of several words that were woken at once the kernel names the last: the word comes after the one
// that gives up, so that no wake is taken and not told of.
int futex_waiter::wait() noexcept {
  std::array<struct futex_waitv, 2> words{};
  words[0].uaddr = address_of(given_up_);
  words[0].flags = futex_flags(futex_sharing::in_process);
  words[1].uaddr = address_of(word_);
  words[1].val = expected_;
  words[1].flags = futex_flags(sharing_);
  const int woken = system_call(
      [&] { return syscall(SYS_futex_waitv, words.data(), words.size(), 0, nullptr, 0); });
  if (woken == -ENOSYS || woken == -EPERM) return wait_in_slices();
  if (woken == 1) return 0;
  if (woken == 0 || given_up_.load(std::memory_order_acquire) != 0) return -ECANCELED;
  return woken;
}

// An older kernel, or a filter that does not know the call. Between two slices a wake is missed
// that changes nothing; one that changes the word is not.
int futex_waiter::wait_in_slices() noexcept {
  const int call = sharing_ == futex_sharing::in_process ? FUTEX_WAIT_PRIVATE : FUTEX_WAIT;
  while (given_up_.load(std::memory_order_acquire) == 0) {
    const int woken = system_call(
        [&] { return syscall(SYS_futex, &word_, call, expected_, &slice, nullptr, 0); });
    if (woken != -ETIMEDOUT) return woken;
  }
  return -ECANCELED;
}

}  // namespace gyre
