#include "gyre/io/quirk_probes.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "gyre/io/descriptor.h"
#include "gyre/io/ring.h"
#include "gyre/io/system_call.h"

namespace gyre::probes {
namespace {

using namespace std::chrono_literals;

// Longer than any answer takes that comes at all.
constexpr auto patience = 2000ms;
constexpr auto a_moment = 5ms;
constexpr int attempts_max = 20;
constexpr unsigned sensible_workers_max = 64;

// The kernel's own number for "call again", which no system call lets out.
constexpr int restart_call = -512;

quirk_answer answer_of(bool has_it) noexcept {
  return has_it ? quirk_answer::yes : quirk_answer::no;
}

/// A ring for a handful of submissions, each called by a number below `most`.
class small_ring {
 public:
  static constexpr unsigned most = 4;

  small_ring() {
    ring_size size;
    size.submissions = most;
    size.completions = most * 2;
    if (auto made = ring::create(size)) ring_ = *std::move(made);
  }

  bool is_there() const noexcept { return ring_ != nullptr; }

  /// Submits, with the next wait, what `fill` makes of an entry.
  template <class Fill>
  void submit(unsigned number, Fill fill) noexcept {
    io_uring_sqe* const sqe = ring_->next_submission();
    fill(sqe);
    sqe->user_data = number;
  }

  /// Lets the kernel go on with what was submitted.
  void turn() noexcept { ring_->enter(0, std::chrono::steady_clock::now()); }

  /// The result, if it comes within `span`.
  std::optional<int> wait(unsigned number, std::chrono::nanoseconds span = patience) noexcept {
    const steady_time until = std::chrono::steady_clock::now() + span;
    do {
      ring_->enter(answers_[number] ? 0 : 1, until);
      ring_->reap(most, [this](const io_uring_cqe& cqe) { answers_[cqe.user_data] = cqe.res; });
    } while (!answers_[number] && std::chrono::steady_clock::now() < until);
    return answers_[number];
  }

 private:
  std::unique_ptr<ring> ring_;
  std::array<std::optional<int>, most> answers_;
};

/// Two descriptors that belong together; none of them is open where they can't be had.
class pair {
 public:
  static pair of_pipe() noexcept {
    std::array<int, 2> ends{-1, -1};
    return pair(pipe2(ends.data(), O_CLOEXEC) == 0 ? ends : none);
  }
  static pair of_sockets(int type) noexcept {
    std::array<int, 2> ends{-1, -1};
    return pair(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0 ? ends : none);
  }
  bool is_open() const noexcept { return first.is_open(); }

  descriptor first;   ///< of a pipe: where it is read
  descriptor second;  ///< of a pipe: where it is written

 private:
  static constexpr std::array<int, 2> none = {-1, -1};
  explicit pair(std::array<int, 2> ends) noexcept : first(ends[0]), second(ends[1]) {}
};

/// A Unix datagram socket that has no room for another message, and one that sends to it without
/// being connected.
class full_receiver {
 public:
  full_receiver() noexcept
      : from_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        to_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    name_.sun_family = AF_UNIX;
    socklen_t size = sizeof name_.sun_family;  // which asks for a free name
    if (bind(to_.number(), address(), size) != 0) return;
    size = sizeof name_;
    if (getsockname(to_.number(), address(), &size) != 0) return;
    message_.msg_iov = &data_;
    message_.msg_iovlen = 1;
    message_.msg_name = &name_;
    message_.msg_namelen = size;
    while (sendmsg(from_.number(), &message_, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) continue;
    is_full_ = errno == EAGAIN;
  }
  full_receiver(const full_receiver&) = delete;
  full_receiver& operator=(const full_receiver&) = delete;

  bool is_full() const noexcept { return is_full_; }
  void prepare_message(io_uring_sqe* sqe) noexcept {
    io_uring_prep_sendmsg(sqe, from_.number(), &message_, MSG_NOSIGNAL);
  }
  /// Receives all that is there, and says whether a message was empty.
  bool drain() noexcept {
    bool any_empty = false;
    std::array<char, 4> got;
    ssize_t size = 0;
    while ((size = recv(to_.number(), got.data(), got.size(), MSG_DONTWAIT)) >= 0)
      any_empty = any_empty || size == 0;
    return any_empty;
  }

 private:
  sockaddr* address() noexcept { return reinterpret_cast<sockaddr*>(&name_); }

  const descriptor from_;
  const descriptor to_;
  sockaddr_un name_{};
  std::array<char, 2> text_ = {'x', 'y'};
  iovec data_ = {text_.data(), text_.size()};
  msghdr message_{};
  bool is_full_ = false;
};

/// The kernel's workers for all rings of this process. Those of one thread have the same name.
std::set<std::string> workers() {
  std::set<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator each("/proc/self/task", error);
  for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
    std::string name;
    std::getline(std::ifstream(each->path() / "comm"), name);
    if (name.starts_with("iou-wrk-")) names.insert(name);
  }
  return names;
}

/// Whether the kernel makes a worker for what `fill` submits, which ends with `expected` when
/// `proceed` was called. The name of a worker is that of its thread outside of all PID namespaces:
/// so it is known by being new.
template <class Fill, class Proceed>
quirk_answer takes_a_worker(small_ring& ring, int expected, Fill fill, Proceed proceed) {
  const std::set<std::string> before = workers();
  ring.submit(0, fill);
  proceed();
  if (ring.wait(0) != expected) return quirk_answer::unknown;
  for (const std::string& name : workers())
    if (!before.contains(name)) return quirk_answer::yes;
  return quirk_answer::no;
}

template <class Fill>
quirk_answer takes_a_worker(small_ring& ring, int expected, Fill fill) {
  return takes_a_worker(ring, expected, fill, [] {});
}

int wait_for_one_of(std::array<std::atomic<std::uint32_t>, 2>& words) noexcept {
  std::array<struct futex_waitv, 2> each{};
  for (std::size_t i = 0; i < each.size(); ++i) {
    each[i].uaddr = reinterpret_cast<std::uintptr_t>(&words[i]);
    each[i].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
  }
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += std::chrono::ceil<std::chrono::seconds>(patience).count();
  return system_call([&] {
    return syscall(SYS_futex_waitv, each.data(), each.size(), 0, &until, CLOCK_MONOTONIC);
  });
}

/// The index that a thread gets that waits for two words, when one FUTEX_WAKE_OP wakes both before
/// it can run. Nothing where that found it before it waited for both, or there is no such call.
std::optional<int> named_of_two_words() {
  std::array<std::atomic<std::uint32_t>, 2> words{};
  std::atomic<bool> ended = false;
  int named = 0;
  std::thread waiter([&] {
    named = wait_for_one_of(words);
    ended = true;
  });
  constexpr unsigned nothing = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GE, 0);
  long woken = 0;
  while (woken <= 0 && !ended) {
    woken = syscall(SYS_futex, &words[0], FUTEX_WAKE_OP_PRIVATE, 1, 1UL, &words[1], nothing);
    std::this_thread::yield();
  }
  waiter.join();
  return woken == 2 && named >= 0 ? std::optional(named) : std::nullopt;
}

int set_up(unsigned entries) noexcept {
  io_uring_params params{};
  return static_cast<int>(syscall(__NR_io_uring_setup, entries, &params));
}

}  // namespace

// A poll finds the sender writable at once, so that its message is always about to be issued again.
quirk_answer cancel_misses_what_is_tried_again() {
  small_ring ring;
  full_receiver receiver;
  if (!ring.is_there() || !receiver.is_full()) return quirk_answer::unknown;
  ring.submit(0, [&](io_uring_sqe* sqe) { receiver.prepare_message(sqe); });
  ring.submit(1, [](io_uring_sqe* sqe) { io_uring_prep_cancel64(sqe, 0, 0); });
  const std::optional<int> cancelled = ring.wait(1);
  const bool ended = ring.wait(0, 0s).has_value();
  (void)receiver.drain();
  if (!cancelled || !ring.wait(0)) return quirk_answer::unknown;
  return answer_of(*cancelled == -ENOENT && !ended);
}

quirk_answer full_datagram_socket_gets_an_empty_message() {
  small_ring ring;
  full_receiver receiver;
  if (!ring.is_there() || !receiver.is_full()) return quirk_answer::unknown;
  ring.submit(0, [&](io_uring_sqe* sqe) { receiver.prepare_message(sqe); });
  (void)ring.wait(0, a_moment);
  const bool empty_before = receiver.drain();
  if (!ring.wait(0)) return quirk_answer::unknown;
  return answer_of(receiver.drain() || empty_before);
}

// From a pipe that stays empty, and cancelled when a worker has begun with it.
quirk_answer interrupted_splice_answers_erestartsys() {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    small_ring ring;
    const pair from = pair::of_pipe();
    const pair to = pair::of_pipe();
    if (!ring.is_there() || !from.is_open() || !to.is_open()) return quirk_answer::unknown;
    ring.submit(0, [&](io_uring_sqe* sqe) {
      io_uring_prep_splice(sqe, from.first.number(), -1, to.second.number(), -1, 1, 0);
    });
    (void)ring.wait(0, a_moment);
    ring.submit(1, [](io_uring_sqe* sqe) { io_uring_prep_cancel64(sqe, 0, 0); });
    std::optional<int> spliced = ring.wait(0, patience / attempts_max);
    if (!spliced) {  // the worker took no notice: it ends with a byte
      if (write(from.second.number(), "x", 1) == 1) (void)ring.wait(0);
      return quirk_answer::unknown;
    }
    if (*spliced == restart_call) return quirk_answer::yes;
    if (*spliced == -EINTR) return quirk_answer::no;
  }
  return quirk_answer::unknown;
}

quirk_answer splice_takes_a_worker() {
  small_ring ring;
  const pair from = pair::of_pipe();
  const pair to = pair::of_pipe();
  if (!ring.is_there() || !from.is_open() || !to.is_open()) return quirk_answer::unknown;
  if (write(from.second.number(), "x", 1) != 1) return quirk_answer::unknown;
  return takes_a_worker(ring, 1, [&](io_uring_sqe* sqe) {
    io_uring_prep_splice(sqe, from.first.number(), -1, to.second.number(), -1, 1, 0);
  });
}

quirk_answer statx_takes_a_worker() {
  small_ring ring;
  const descriptor file(eventfd(0, EFD_CLOEXEC));
  if (!ring.is_there() || !file.is_open()) return quirk_answer::unknown;
  struct statx about;
  return takes_a_worker(ring, 0, [&](io_uring_sqe* sqe) {
    io_uring_prep_statx(sqe, file.number(), "", AT_EMPTY_PATH, STATX_SIZE, &about);
  });
}

// The end of a watch is an event: nothing would have to wait.
quirk_answer plain_read_takes_a_worker() {
  small_ring ring;
  const descriptor inotify(inotify_init1(IN_CLOEXEC));
  if (!ring.is_there() || !inotify.is_open()) return quirk_answer::unknown;
  const int watch = inotify_add_watch(inotify.number(), "/", IN_DELETE_SELF);
  if (watch < 0 || inotify_rm_watch(inotify.number(), watch) != 0) return quirk_answer::unknown;
  std::array<std::byte, sizeof(inotify_event)> event;
  return takes_a_worker(ring, sizeof event, [&](io_uring_sqe* sqe) {
    io_uring_prep_read(sqe, inotify.number(), event.data(), sizeof event, 0);
  });
}

quirk_answer many_pieces_take_a_worker() {
  small_ring ring;
  const pair sockets = pair::of_sockets(SOCK_STREAM);
  if (!ring.is_there() || !sockets.is_open()) return quirk_answer::unknown;
  std::array<char, 300> got;
  const auto receive = [&](io_uring_sqe* sqe) {
    io_uring_prep_recv(sqe, sockets.first.number(), got.data(), got.size(), MSG_WAITALL);
  };
  return takes_a_worker(ring, got.size(), receive, [&] {
    for (std::size_t i = 0; i < got.size(); ++i) {
      ring.turn();
      (void)send(sockets.second.number(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  });
}

quirk_answer workers_are_unbounded() {
  const descriptor ring(set_up(1));
  std::array<unsigned, 2> most = {0, 0};  // which asks for the limits
  if (!ring.is_open() || syscall(__NR_io_uring_register, ring.number(),
                                 IORING_REGISTER_IOWQ_MAX_WORKERS, most.data(), most.size()) != 0)
    return quirk_answer::unknown;
  return answer_of(most[1] > sensible_workers_max);
}

quirk_answer short_read_cuts_a_link() {
  small_ring ring;
  const pair pipe = pair::of_pipe();
  if (!ring.is_there() || !pipe.is_open()) return quirk_answer::unknown;
  if (write(pipe.second.number(), "x", 1) != 1) return quirk_answer::unknown;
  std::array<char, 2> got;
  ring.submit(0, [&](io_uring_sqe* sqe) {
    io_uring_prep_read(sqe, pipe.first.number(), got.data(), got.size(), 0);
    sqe->flags |= IOSQE_IO_LINK;
  });
  ring.submit(1, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
  const std::optional<int> next = ring.wait(1);
  if (ring.wait(0) != 1 || !next) return quirk_answer::unknown;
  return answer_of(*next == -ECANCELED);
}

// A pipe can't be synced.
quirk_answer failure_goes_unnoticed_in_a_link() {
  small_ring ring;
  const pair pipe = pair::of_pipe();
  if (!ring.is_there() || !pipe.is_open()) return quirk_answer::unknown;
  ring.submit(0, [&](io_uring_sqe* sqe) {
    io_uring_prep_fsync(sqe, pipe.first.number(), 0);
    sqe->flags |= IOSQE_IO_LINK;
  });
  ring.submit(1, [](io_uring_sqe* sqe) { io_uring_prep_nop(sqe); });
  const std::optional<int> next = ring.wait(1);
  const std::optional<int> synced = ring.wait(0);
  if (!synced || *synced >= 0 || !next) return quirk_answer::unknown;
  return answer_of(*next == 0);
}

quirk_answer close_leaves_operations_running() {
  small_ring ring;
  pair pipe = pair::of_pipe();
  if (!ring.is_there() || !pipe.is_open()) return quirk_answer::unknown;
  char got = 0;
  ring.submit(0,
              [&](io_uring_sqe* sqe) { io_uring_prep_read(sqe, pipe.first.number(), &got, 1, 0); });
  (void)ring.wait(0, a_moment);
  pipe.first = descriptor();
  const bool taken = write(pipe.second.number(), "x", 1) == 1;
  pipe.second = descriptor();
  const std::optional<int> read = ring.wait(0);
  if (!read) return quirk_answer::unknown;
  return answer_of(taken && *read == 1);
}

// Its index goes with this thread.
quirk_answer registered_ring_outlives_close() {
  const int ring = set_up(1);
  if (ring < 0) return quirk_answer::unknown;
  io_uring_rsrc_update place{};
  place.offset = -1U;
  place.data = static_cast<std::uint64_t>(ring);
  const long registered =
      syscall(__NR_io_uring_register, ring, IORING_REGISTER_RING_FDS, &place, 1);
  close(ring);
  if (registered != 1) return quirk_answer::unknown;
  return answer_of(syscall(__NR_io_uring_enter, place.offset, 0, 0, IORING_ENTER_REGISTERED_RING,
                           nullptr, 0) == 0);
}

quirk_answer write_raises_sigpipe() {
  small_ring ring;
  pair pipe = pair::of_pipe();
  sigset_t pending;
  sigpending(&pending);
  if (!ring.is_there() || !pipe.is_open() || sigismember(&pending, SIGPIPE))
    return quirk_answer::unknown;
  pipe.first = descriptor();
  ring.submit(
      0, [&](io_uring_sqe* sqe) { io_uring_prep_write(sqe, pipe.second.number(), "x", 1, 0); });
  if (ring.wait(0) != -EPIPE) return quirk_answer::unknown;
  sigpending(&pending);
  return answer_of(sigismember(&pending, SIGPIPE) == 1);
}

quirk_answer futex_waitv_names_the_last() {
  for (int attempt = 0; attempt < attempts_max; ++attempt)
    if (const auto named = named_of_two_words()) return answer_of(*named == 1);
  return quirk_answer::unknown;
}

quirk_answer epoll_follows_duplicates() {
  const descriptor set(epoll_create1(EPOLL_CLOEXEC));
  descriptor watched(eventfd(1, EFD_CLOEXEC));
  if (!set.is_open() || !watched.is_open()) return quirk_answer::unknown;
  const descriptor duplicate(fcntl(watched.number(), F_DUPFD_CLOEXEC, 0));
  epoll_event event = {EPOLLIN, {.u64 = 0}};
  if (!duplicate.is_open() || epoll_ctl(set.number(), EPOLL_CTL_ADD, watched.number(), &event) != 0)
    return quirk_answer::unknown;
  watched = descriptor();
  return answer_of(epoll_wait(set.number(), &event, 1, 0) == 1);
}

quirk_answer epoll_refuses_files() {
  const descriptor set(epoll_create1(EPOLL_CLOEXEC));
  const descriptor file(memfd_create("gyre-probe", MFD_CLOEXEC));
  if (!set.is_open() || !file.is_open()) return quirk_answer::unknown;
  epoll_event event = {EPOLLIN, {.u64 = 0}};
  const int added = epoll_ctl(set.number(), EPOLL_CTL_ADD, file.number(), &event);
  return answer_of(added != 0 && errno == EPERM);
}

// Two descriptors are sent, and there is room for one.
quirk_answer padding_takes_descriptors() {
  const pair sockets = pair::of_sockets(SOCK_DGRAM);
  if (!sockets.is_open()) return quirk_answer::unknown;
  char letter = 'x';
  iovec data = {&letter, 1};
  const std::array<int, 2> sent = {sockets.first.number(), sockets.second.number()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof sent)> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof sent);
  std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);
  if (sendmsg(sockets.first.number(), &message, MSG_DONTWAIT) != 1) return quirk_answer::unknown;
  control = {};
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  const int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  if (recvmsg(sockets.second.number(), &message, flags) != 1) return quirk_answer::unknown;
  header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return quirk_answer::unknown;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
    close(fd);
  }
  return answer_of(count > 1);
}

}  // namespace gyre::probes
