#include "gyre/io/thread_backend.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>
#include <utility>

#include "gyre/runtime/check.h"

namespace gyre {
namespace {

// What an operation is doing, in the low bits of operation::backend_state.
enum stage : std::uint32_t { in_lane, in_pool, in_poller };
constexpr std::uint32_t stage_mask = 3;

// Above them: which lane it holds or waits for, and of which descriptor.
enum direction : std::uint32_t { no_lane = 0, reading = 4, writing = 8 };
constexpr std::uint32_t direction_mask = 12;
constexpr unsigned fd_shift = 4;

void set_stage(operation& operation, stage stage) noexcept {
  operation.backend_state = (operation.backend_state & ~stage_mask) | stage;
}
stage stage_of(const operation& operation) noexcept {
  return static_cast<stage>(operation.backend_state & stage_mask);
}

std::uint32_t direction_of(const readiness& awaited) noexcept {
  if (awaited.fd < 0) return no_lane;
  if (awaited.events == POLLIN) return reading;
  return awaited.events == POLLOUT ? writing : no_lane;
}

}  // namespace

result<std::unique_ptr<thread_backend>> thread_backend::create(const thread_options& options) {
  descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_open()) return errno_error(errno);
  return std::unique_ptr<thread_backend>(new thread_backend(std::move(wake), options));
}

thread_backend::thread_backend(descriptor wake, const thread_options& options)
    : wake_(std::move(wake)),
      reason_(options.reason),
      threads_max_(options.threads_max),
      pool_(std::make_unique<offload_pool>(*this, options.threads_max)),
      poller_(std::make_unique<poll_thread>(*this)) {}

thread_backend::~thread_backend() {
  check(in_flight_ == 0, "a backend was destroyed with operations in flight");
  poller_.reset();
  pool_.reset();
}

bool thread_backend::submit(operation& operation) noexcept {
  ++counters_.submitted;
  const outcome result = begin(operation);
  if (!result) {
    ++in_flight_;
    return false;
  }
  ++counters_.completed;
  operation.conclude(*result);
  return true;
}

thread_backend::outcome thread_backend::begin(operation& operation) noexcept {
  const readiness awaited = operation.ready_when();
  const bool blocks = awaited.events == 0;
  if (awaited.fd < 0 && (!blocks || operation.kind().policy == ring_policy::perform)) {
    ++counters_.syscalls;
    return operation.perform();
  }
  operation.backend_state = no_lane;
  if (const std::uint32_t direction = direction_of(awaited); direction != no_lane) {
    const auto fd = static_cast<std::uint32_t>(awaited.fd);
    if (!has_lanes(fd)) return -ENOMEM;
    operation.backend_state = fd << fd_shift | direction;
    lane& lane = *lane_of(operation);
    if (lane.running) {
      set_stage(operation, in_lane);
      lane.queued.push(operation);
      return std::nullopt;
    }
    lane.running = &operation;
  }
  const outcome result = perform(operation);
  if (result) leave_lane(operation);
  return result;
}

bool thread_backend::has_lanes(std::uint32_t fd) noexcept {
  if (fd < lanes_.size()) return true;
  check(fd <= UINT32_MAX >> fd_shift, "a descriptor's number is above 2^28");
  try {
    lanes_.resize(std::max<std::size_t>(fd + 1, 64));
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// Null where the operation is in no lane.
thread_backend::lane* thread_backend::lane_of(const operation& operation) noexcept {
  const std::uint32_t direction = operation.backend_state & direction_mask;
  if (direction == no_lane) return nullptr;
  lanes& lanes = lanes_[operation.backend_state >> fd_shift];
  return direction == gyre::reading ? &lanes.reading : &lanes.writing;
}

// Gives the next of the lane, which is to run now, or null.
operation* thread_backend::leave_lane(operation& operation) noexcept {
  lane* const lane = lane_of(operation);
  return lane ? lane->running = lane->queued.pop() : nullptr;
}

thread_backend::outcome thread_backend::perform(operation& operation) noexcept {
  set_stage(operation, in_pool);
  if (pool_->submit(operation)) return std::nullopt;
  return performed(operation, operation.perform());  // no thread can be had: it blocks the loop
}

thread_backend::outcome thread_backend::performed(operation& operation, int result) noexcept {
  ++counters_.syscalls;
  if (result != -EAGAIN || operation.ready_when().fd < 0) return result;
  if (operation.stop_requested()) return -ECANCELED;
  set_stage(operation, in_poller);
  if (const int error = poller_->watch(operation)) return -error;
  return std::nullopt;
}

// What it waited for is there, or the wait was given up.
thread_backend::outcome thread_backend::resumed(operation& operation, int error) noexcept {
  if (operation.stop_requested()) return -ECANCELED;
  return error != 0 ? error : perform(operation);
}

void thread_backend::end(operation& operation, outcome result) noexcept {
  class operation* ended = &operation;
  while (result) {
    --in_flight_;
    ++counters_.completed;
    ended->complete(*result);
    ended = leave_lane(*ended);
    if (!ended) return;
    result = perform(*ended);
  }
}

void thread_backend::cancel(operation& operation) noexcept {
  ++counters_.cancelled;
  switch (stage_of(operation)) {
    case in_lane:
      lane_of(operation)->queued.remove(operation);
      --in_flight_;
      ++counters_.completed;
      operation.complete(-ECANCELED);
      break;
    case in_pool:
      if (pool_->withdraw(operation)) end(operation, -ECANCELED);
      break;
    case in_poller:
      poller_->unwatch(operation);
      break;
  }
}

void thread_backend::cancel_all(const descriptor_users& users) noexcept {
  for (lanes& each : lanes_) {
    cancel_queued(each.reading, users);
    cancel_queued(each.writing, users);
  }
  while (operation* each = pool_->find(users)) each->request_stop();
  while (operation* each = poller_->find(users)) each->request_stop();
}

void thread_backend::cancel_queued(lane& lane, const descriptor_users& users) noexcept {
  for (operation* each = lane.queued.first(); each;) {
    operation* const next = each->backend_next;
    if (each->is_counted_by(users)) each->request_stop();
    each = next;
  }
}

bool thread_backend::collect() noexcept {
  const unsigned count = pool_->collect([this](operation& each, int result) {
    end(each, performed(each, result));
  }) + poller_->collect([this](operation& each, int error) { end(each, resumed(each, error)); });
  return count > 0;
}

void thread_backend::poll(steady_time until) noexcept {
  if (collect() || until == no_wait) return;
  sleep(until);
  collect();
}

void thread_backend::sleep(steady_time until) noexcept {
  const auto left = std::max(until - now(), std::chrono::nanoseconds::zero()).count();
  const timespec timeout = {left / 1'000'000'000, left % 1'000'000'000};
  pollfd woken = {wake_.number(), POLLIN, 0};
  ++counters_.waits;
  ++counters_.syscalls;
  if (ppoll(&woken, 1, until == never ? nullptr : &timeout, nullptr) <= 0) return;
  std::uint64_t count = 0;
  ++counters_.syscalls;
  [[maybe_unused]] const ssize_t size = read(wake_.number(), &count, sizeof count);
}

void thread_backend::wake() noexcept {
  const int interrupted_errno = errno;  // of the code that a signal handler interrupts
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  errno = interrupted_errno;
}

backend_report thread_backend::report() const {
  backend_report report("threads", "threads");
  report.reason = reason_;
  report.obtained = {"up to " + std::to_string(threads_max_) +
                     " for system calls and one that polls"};
  return report;
}

}  // namespace gyre
