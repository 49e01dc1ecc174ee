#include "gyre/io/epoll_backend.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <new>
#include <utility>

#include "gyre/runtime/check.h"

namespace gyre {
namespace {

// Level-triggered it would be told again and again of what nobody waits for just now.
constexpr std::uint32_t events_wanted = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t events_ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// So many events that nobody waits for, and the descriptor is watched no longer until it is used.
constexpr unsigned events_in_vain_max = 8;

// What an operation is doing, in operation::backend_state. While it waits for a descriptor,
// backend_slot is that descriptor's number.
enum stage : std::uint32_t { in_pool, reading, writing, polling };
constexpr std::uint32_t stage_mask = 3;
constexpr std::uint32_t offloaded_bit = 4;  // it goes to the pool once its descriptor is ready

stage direction_of(short events) noexcept {
  if (events == POLLIN) return reading;
  return events == POLLOUT ? writing : polling;
}

std::uint64_t data_of(int fd, std::uint32_t generation) noexcept {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}
int fd_of(std::uint64_t data) noexcept {
  return static_cast<int>(static_cast<std::uint32_t>(data));
}
std::uint32_t generation_of(std::uint64_t data) noexcept {
  return static_cast<std::uint32_t>(data >> 32);
}

// Of other sockets a read may be short although there is more: it ends at a datagram, or where
// descriptors were sent along.
bool is_tcp(int fd) noexcept {
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) == 0;
}

// Since Linux 5.11; seccomp filters that don't know it answer EPERM.
bool has_precise_wait(int epoll_fd) noexcept {
  const timespec at_once = {0, 0};
  epoll_event event;
  return epoll_pwait2(epoll_fd, &event, 1, &at_once, nullptr) >= 0 || errno == EINTR;
}

}  // namespace

operation_queue& epoll_backend::watched::queue(std::uint32_t direction) noexcept {
  if (direction == gyre::reading) return reading;
  return direction == gyre::writing ? writing : polling;
}

// Null for `polling`, where each attempt tells for itself.
bool* epoll_backend::watched::ready(std::uint32_t direction) noexcept {
  if (direction == gyre::reading) return &readable;
  return direction == gyre::writing ? &writable : nullptr;
}

bool epoll_backend::watched::awaited() const noexcept {
  return !reading.empty() || !writing.empty() || !polling.empty();
}

// A TCP stream that gave less than was asked for has no more, and what comes later makes a new
// edge. Not so when its end is near, which makes no further edge, or at urgent data.
bool epoll_backend::watched::exhausted(const operation& operation, int result, int fd) noexcept {
  if (result <= 0 || short_read == exhaustion::tells_not || !operation.fell_short(result))
    return false;
  if (short_read == exhaustion::unknown)
    short_read = is_tcp(fd) ? exhaustion::tells : exhaustion::tells_not;
  return short_read == exhaustion::tells;
}

result<std::unique_ptr<epoll_backend>> epoll_backend::create(const epoll_options& options) {
  descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.is_open()) return errno_error(errno);
  descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.is_open()) return errno_error(errno);
  // Edge-triggered, so that each write is told and none need be read.
  epoll_event woken = {EPOLLIN | EPOLLET, {.u64 = 0}};
  if (epoll_ctl(epoll.number(), EPOLL_CTL_ADD, wake.number(), &woken) != 0)
    return errno_error(errno);
  return std::unique_ptr<epoll_backend>(
      new epoll_backend(std::move(epoll), std::move(wake), options));
}

epoll_backend::epoll_backend(descriptor epoll, descriptor wake, const epoll_options& options)
    : epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      precise_(has_precise_wait(epoll_.number())),
      spin_(options.spin),
      reason_(options.reason),
      threads_max_(options.threads_max),
      pool_(std::make_unique<offload_pool>(*this, options.threads_max)) {}

epoll_backend::~epoll_backend() {
  check(waiting_ == 0, "a backend was destroyed with operations in flight");
  pool_.reset();
}

bool epoll_backend::submit(operation& operation) noexcept {
  ++counters_.submitted;
  const outcome result = begin(operation);
  if (!result) return false;
  ++counters_.completed;
  operation.conclude(*result);
  return true;
}

epoll_backend::outcome epoll_backend::begin(operation& operation) noexcept {
  const readiness awaited = operation.ready_when();
  if (awaited.fd < 0) {
    const bool blocks = awaited.events == 0;  // else its descriptor is closed
    if (!blocks || operation.kind().policy == ring_policy::perform) return attempt(operation);
    ++counters_.syscalls;
    const int cached = operation.perform_cached();
    return cached == -EAGAIN ? offload(operation) : outcome(cached);
  }
  const stage direction = direction_of(awaited.events);
  watched* const known = knows(operation, awaited.fd) ? &watched_[awaited.fd] : nullptr;
  if (known && direction != polling) {
    if (!*known->ready(direction) || !known->queue(direction).empty()) {
      enqueue(operation, awaited.fd, direction);
      return std::nullopt;
    }
  }
  const int result = attempt(operation);
  if (result == -EAGAIN) return wait_ready(operation, false);
  if (known && direction == reading && known->exhausted(operation, result, awaited.fd))
    known->readable = false;
  return result;
}

int epoll_backend::attempt(operation& operation) noexcept {
  ++counters_.syscalls;
  return operation.perform();
}

epoll_backend::outcome epoll_backend::offload(operation& operation) noexcept {
  operation.backend_state = in_pool;
  if (pool_->submit(operation)) return std::nullopt;
  const int result = attempt(operation);  // no thread can be had: it blocks the loop
  const bool waits = result == -EAGAIN && operation.ready_when().fd >= 0;
  return waits ? wait_ready(operation, true) : outcome(result);
}

// In the pool.
void epoll_backend::performed(operation& operation, int result) noexcept {
  ++counters_.syscalls;
  if (result == -EAGAIN && operation.ready_when().fd >= 0) {
    if (operation.stop_requested()) {
      result = -ECANCELED;
    } else {
      const outcome waited = wait_ready(operation, true);
      if (!waited) return;
      result = *waited;
    }
  }
  end(operation, result);
}

epoll_backend::outcome epoll_backend::wait_ready(operation& operation, bool offloaded) noexcept {
  const readiness awaited = operation.ready_when();
  // What was attempted on another thread may have missed an edge: to watch anew makes one.
  if (offloaded || !knows(operation, awaited.fd)) {
    const int error = watch(operation, awaited.fd);
    // EPERM: of a regular file, which is always ready. What it waits for can't be waited for.
    if (error == EPERM && !offloaded) return offload(operation);
    if (error != 0) return error == EPERM ? -EAGAIN : -error;
  }
  const stage direction = direction_of(awaited.events);
  if (bool* ready = watched_[awaited.fd].ready(direction)) *ready = false;
  enqueue(operation, awaited.fd, direction | (offloaded ? offloaded_bit : 0));
  return std::nullopt;
}

void epoll_backend::enqueue(operation& operation, int fd, std::uint32_t state) noexcept {
  operation.backend_slot = static_cast<std::uint32_t>(fd);
  operation.backend_state = state;
  watched_[fd].queue(state & stage_mask).push(operation);
  ++waiting_;
}

void epoll_backend::dequeue(operation& operation) noexcept {
  watched_[operation.backend_slot].queue(operation.backend_state & stage_mask).remove(operation);
  --waiting_;
}

void epoll_backend::end(operation& operation, int result) noexcept {
  ++counters_.completed;
  operation.complete(result);
}

// Where an operation belongs to no descriptor of Gyre's, another one that waits vouches for it.
bool epoll_backend::knows(const operation& operation, int fd) const noexcept {
  if (static_cast<std::size_t>(fd) >= watched_.size()) return false;
  const watched& watched = watched_[fd];
  const descriptor_users* users = operation.users();
  if (!users) return watched.awaited();
  return users->note.by == this && watched.generation != 0 &&
         users->note.entry == data_of(fd, watched.generation);
}

// A backend that has ended may have been at the same address.
bool epoll_backend::is_noted(const descriptor_users& users) const noexcept {
  if (users.note.by != this) return false;
  const auto fd = static_cast<std::size_t>(fd_of(users.note.entry));
  return fd < watched_.size() && watched_[fd].generation != 0 &&
         watched_[fd].generation == generation_of(users.note.entry);
}

// The errno, or 0.
int epoll_backend::watch(const operation& operation, int fd) noexcept {
  if (static_cast<std::size_t>(fd) >= watched_.size()) {
    try {
      watched_.resize(std::max<std::size_t>(static_cast<std::size_t>(fd) + 1, 64));
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    }
  }
  if (++last_generation_ == 0) ++last_generation_;
  epoll_event event = {events_wanted, {.u64 = data_of(fd, last_generation_)}};
  ++counters_.syscalls;
  int answer = epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, fd, &event);
  if (answer != 0 && errno == EEXIST) {
    ++counters_.syscalls;
    answer = epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, fd, &event);
  }
  if (answer != 0) return errno;
  watched& watched = watched_[fd];
  watched.generation = last_generation_;
  watched.readable = watched.writable = true;
  watched.short_read = exhaustion::unknown;
  watched.events_in_vain = 0;
  // Of an epoll(7) that an operation waits for in its descriptor's place nothing need be known.
  if (descriptor_users* users = operation.users(); users && users->number == fd) {
    users->note.by = this;
    users->note.entry = event.data.u64;
  }
  return 0;
}

void epoll_backend::unwatch(int fd) noexcept {
  ++counters_.syscalls;
  epoll_event ignored{};
  epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, fd, &ignored);
  watched_[fd].generation = 0;
}

// close(2) alone would leave the registration behind where the descriptor has a duplicate.
void epoll_backend::forget(const descriptor_users& users, int fd) noexcept {
  if (!is_noted(users) || fd_of(users.note.entry) != fd) return;
  check(!watched_[fd].awaited(),
        "a descriptor was closed on which an operation waits that it does not count");
  unwatch(fd);
}

void epoll_backend::cancel(operation& operation) noexcept {
  ++counters_.cancelled;
  if (operation.backend_state == in_pool) {
    if (pool_->withdraw(operation)) end(operation, -ECANCELED);
    return;
  }
  dequeue(operation);
  end(operation, -ECANCELED);
}

void epoll_backend::cancel_all(const descriptor_users& users) noexcept {
  if (is_noted(users)) cancel_waiting(watched_[fd_of(users.note.entry)], users);
  while (operation* each = pool_->find(users)) each->request_stop();
  // What is left runs in the pool, or waits for another descriptor than the one that counts it.
  if (!users.any()) return;
  for (watched& each : watched_) cancel_waiting(each, users);
}

void epoll_backend::cancel_waiting(watched& watched, const descriptor_users& users) noexcept {
  for (operation_queue* queue : {&watched.reading, &watched.writing, &watched.polling}) {
    for (operation* each = queue->first(); each;) {
      operation* const next = each->backend_next;
      if (each->is_counted_by(users)) each->request_stop();
      each = next;
    }
  }
}

void epoll_backend::happened(const epoll_event& event) noexcept {
  const int fd = fd_of(event.data.u64);
  const std::uint32_t generation = generation_of(event.data.u64);
  if (generation == 0) return;  // a wake
  watched& watched = watched_[fd];
  if (watched.generation != generation) [[unlikely]] {
    ++counters_.stale;
    return;
  }
  if (watched.awaited()) {
    watched.events_in_vain = 0;
  } else if (++watched.events_in_vain > events_in_vain_max) {
    unwatch(fd);
    return;
  }
  if (event.events & (events_ended | EPOLLPRI)) watched.short_read = exhaustion::tells_not;
  // First, while there is what they wait for.
  if (!watched.polling.empty()) [[unlikely]]
    serve_polling(watched);
  if (event.events & (EPOLLIN | EPOLLPRI | events_ended)) {
    watched.readable = true;
    serve(watched, reading, fd);
  }
  if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
    watched.writable = true;
    serve(watched, writing, fd);
  }
}

// One after the other, until the descriptor is not ready any more.
void epoll_backend::serve(watched& watched, std::uint32_t direction, int fd) noexcept {
  operation_queue& queue = watched.queue(direction);
  bool& ready = *watched.ready(direction);
  while (ready && !queue.empty()) {
    operation& operation = *queue.first();
    if (operation.backend_state & offloaded_bit) [[unlikely]] {
      dequeue(operation);
      if (const outcome result = offload(operation)) end(operation, *result);
      continue;
    }
    const int result = attempt(operation);
    if (result == -EAGAIN) {
      ready = false;
      return;
    }
    dequeue(operation);
    if (direction == reading && watched.exhausted(operation, result, fd)) ready = false;
    end(operation, result);
  }
}

void epoll_backend::serve_polling(watched& watched) noexcept {
  for (operation* each = watched.polling.first(); each;) {
    operation* const next = each->backend_next;
    const int result = attempt(*each);
    if (result != -EAGAIN) {
      dequeue(*each);
      end(*each, result);
    }
    each = next;
  }
}

bool epoll_backend::collect() noexcept {
  return pool_->collect(
             [this](operation& operation, int result) { performed(operation, result); }) > 0;
}

void epoll_backend::wake() noexcept {
  const int interrupted_errno = errno;  // of the code that a signal handler interrupts
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  errno = interrupted_errno;
}

// How many events there are now in events_. A signal ends the wait.
int epoll_backend::wait_events(steady_time until) noexcept {
  using namespace std::chrono;
  ++counters_.syscalls;
  nanoseconds left = nanoseconds::zero();
  if (until != no_wait && until != never) left = std::max(until - now(), left);
  int count = 0;
  if (precise_) {
    const timespec timeout = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    count = epoll_pwait2(epoll_.number(), events_.data(), events_max,
                         until == never ? nullptr : &timeout, nullptr);
  } else {
    const auto milliseconds =
        std::min<std::int64_t>(ceil<std::chrono::milliseconds>(left).count(), INT_MAX);
    count = epoll_wait(epoll_.number(), events_.data(), events_max,
                       until == never ? -1 : static_cast<int>(milliseconds));
  }
  check(count >= 0 || errno == EINTR, "epoll_wait failed in a way that leaves the loop unusable");
  return std::max(count, 0);
}

int epoll_backend::wait(steady_time until) noexcept {
  int count = 0;
  if (spin_.enabled() && spin_.due()) {
    ++counters_.spins;
    const bool found = spin_.spin(until, [&] { return (count = wait_events(no_wait)) > 0; });
    if (found) return count;
    ++counters_.spun_in_vain;
  }
  ++counters_.waits;
  spin_.sleep([&] { count = wait_events(until); });
  return count;
}

void epoll_backend::poll(steady_time until) noexcept {
  if (collect()) until = no_wait;
  // Nobody waits for an event: it can stay with the kernel.
  if (until == no_wait && waiting_ == 0) return;
  const int count = until == no_wait ? wait_events(no_wait) : wait(until);
  for (int i = 0; i < count; ++i) happened(events_[static_cast<std::size_t>(i)]);
  collect();
}

backend_report epoll_backend::report() const {
  backend_report report("epoll", "epoll");
  report.reason = reason_;
  report.obtained = {precise_ ? "precise timeouts" : "timeouts in milliseconds",
                     "up to " + std::to_string(threads_max_) + " threads for what blocks"};
  return report;
}

}  // namespace gyre
