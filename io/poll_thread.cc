#include "gyre/io/poll_thread.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <new>
#include <system_error>

#include "gyre/runtime/check.h"

namespace gyre {
namespace {

// In operation::backend_slot until the wait has ended.
enum slot : std::uint32_t { slot_wanted = 1, slot_unwanted = 2 };

constexpr short events_always = POLLERR | POLLHUP | POLLNVAL;

operation* find_in(const operation_queue& queue, const descriptor_users& users) noexcept {
  for (operation* each = queue.first(); each; each = each->backend_next)
    if (each->is_counted_by(users) && !each->stop_requested()) return each;
  return nullptr;
}

}  // namespace

poll_thread::~poll_thread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    check(arrived_.empty() && waiting_.empty() && done_.empty(),
          "a polling thread was ended while operations wait");
    ending_ = true;
  }
  kick();
  thread_.join();
  close(kick_fd_);
}

int poll_thread::watch(operation& operation) noexcept {
  if (const int error = start()) return error;
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    operation.backend_slot = slot_wanted;
    first = arrived_.empty();
    arrived_.push(operation);
  }
  if (first) kick();
  return 0;
}

void poll_thread::unwatch(operation& operation) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (operation.backend_slot != slot_wanted) return;  // it is done
    operation.backend_slot = slot_unwanted;
  }
  kick();
}

operation* poll_thread::find(const descriptor_users& users) noexcept {
  const std::lock_guard lock(mutex_);
  for (const operation_queue* queue : {&arrived_, &waiting_, &done_})
    if (operation* found = find_in(*queue, users)) return found;
  return nullptr;
}

operation_queue poll_thread::take_done() noexcept {
  const std::lock_guard lock(mutex_);
  any_done_.store(false, std::memory_order_relaxed);
  return std::exchange(done_, operation_queue());
}

// The errno, or 0.
int poll_thread::start() noexcept {
  if (thread_.joinable()) return 0;
  kick_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (kick_fd_ < 0) return errno;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  try {
    polled_.push_back({kick_fd_, POLLIN, 0});
    thread_ = std::thread([this] { run(); });
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  } catch (const std::system_error& failure) {
    error = failure.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return 0;
  polled_.clear();
  close(std::exchange(kick_fd_, -1));
  return error;
}

void poll_thread::kick() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(kick_fd_, &one, sizeof one);
}

void poll_thread::run() noexcept {
  pthread_setname_np(pthread_self(), "gyre-poll");
  while (take_changes()) settle(poll());
}

// An arrival whose wait was given up already is not waited for: the kick for it may be over.
bool poll_thread::take_changes() noexcept {
  const std::lock_guard lock(mutex_);
  while (operation* arrived = arrived_.pop()) {
    waiting_.push(*arrived);
    ++waiting_count_;
    if (arrived->backend_slot == slot_unwanted) release(*arrived, 0);
  }
  return !ending_;
}

// The queue is changed by this thread only, which needs no lock to look at it.
int poll_thread::poll() noexcept {
  try {
    fill();
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
  return ::poll(polled_.data(), polled_.size(), -1) < 0 ? -errno : 0;
}

void poll_thread::fill() {
  polled_.clear();
  polled_.reserve(waiting_count_ + 1);
  polled_.push_back({kick_fd_, POLLIN, 0});
  for (operation* each = waiting_.first(); each; each = each->backend_next) {
    const readiness awaited = each->ready_when();
    const auto fd = static_cast<std::size_t>(awaited.fd);
    if (fd >= index_of_.size()) index_of_.resize(fd + 1);
    if (index_of_[fd] == 0) {
      index_of_[fd] = polled_.size();
      polled_.push_back({awaited.fd, 0, 0});
    }
    polled_[index_of_[fd]].events |= awaited.events;
  }
}

void poll_thread::settle(int answer) noexcept {
  if (answer == 0 && polled_[0].revents != 0) {
    std::uint64_t kicks = 0;
    [[maybe_unused]] const ssize_t count = read(kick_fd_, &kicks, sizeof kicks);
  }
  {
    const std::lock_guard lock(mutex_);
    for (operation* each = waiting_.first(); each;) {
      operation* const next = each->backend_next;
      if (answer < 0 && answer != -EINTR) {
        release(*each, answer);
      } else if (each->backend_slot == slot_unwanted || (answer == 0 && is_ready(*each))) {
        release(*each, 0);
      }
      each = next;
    }
  }
  for (const pollfd& each : polled_)
    if (each.fd != kick_fd_) index_of_[static_cast<std::size_t>(each.fd)] = 0;
}

bool poll_thread::is_ready(const operation& operation) const noexcept {
  const readiness awaited = operation.ready_when();
  const pollfd& polled = polled_[index_of_[static_cast<std::size_t>(awaited.fd)]];
  return (polled.revents & (awaited.events | events_always)) != 0;
}

void poll_thread::release(operation& operation, int error) noexcept {
  waiting_.remove(operation);
  --waiting_count_;
  operation.backend_slot = static_cast<std::uint32_t>(error);
  const bool first = done_.empty();
  done_.push(operation);
  any_done_.store(true, std::memory_order_relaxed);
  if (first) home_.wake();
}

}  // namespace gyre
