#pragma once

#include <cstdint>
#include <span>

#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/time.h"

namespace gyre {

class descriptor_users;
class inbox;
class loop;
class operation;

/// What begins the next operation of a link: see link.h.
enum class link_kind : std::uint8_t {
  soft,  ///< success of the one before it
  hard,  ///< its end
};

/// What a backend has done since it was made.
class backend_counters {
 public:
  backend_counters() noexcept {}

  std::uint64_t submitted = 0;     ///< operations handed over
  std::uint64_t completed = 0;     ///< operations ended
  std::uint64_t cancelled = 0;     ///< operations asked to end early
  std::uint64_t syscalls = 0;      ///< system calls made by the backend, for any reason
  std::uint64_t waits = 0;         ///< times that the thread went to sleep
  std::uint64_t spins = 0;         ///< looks for completions before sleeping
  std::uint64_t spun_in_vain = 0;  ///< times that spinning found nothing
  std::uint64_t backlogged = 0;    ///< operations that had to wait for room
  std::uint64_t stale = 0;         ///< completions that belonged to no operation; should stay 0
  std::uint64_t overflows = 0;     ///< times that the kernel's completion queue was full
};

/// How operations reach the kernel. A backend belongs to one loop and is used on its thread only,
/// but for `wake`. Its duties:
///
/// - It completes each operation exactly once, when nothing in the kernel refers to it or to its
///   buffers any more, also after `cancel`, and never before `submit` has returned unless `submit`
///   says so.
/// - A result that came before a cancellation is delivered as it is; otherwise a cancelled
///   operation ends with -ECANCELED.
/// - What has no room waits in order (it is not refused), and cancelling always has room.
/// - `poll` hands on a bounded number of completions and resumes nothing itself.
class backend {
 public:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;
  /// Nothing may be in flight.
  virtual ~backend() = default;

  /// Starts `operation`. True when it was performed at once and concluded: its result is there.
  virtual bool submit(operation& operation) noexcept = 0;
  /// Starts the first of `operations`, and each other after the one before it, as one request that
  /// can't be split; or none of them, and says false. Each is completed as after `submit`, but with
  /// what the kernel answered at first, and with -ECANCELED where it was not begun.
  virtual bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept {
    (void)operations, (void)kind;
    return false;
  }
  /// Asks for an early end of an operation in flight.
  virtual void cancel(operation& operation) noexcept = 0;
  /// Asks for an early end of all that is in flight on a descriptor.
  virtual void cancel_all(const descriptor_users& users) noexcept = 0;
  /// Told before `fd` is closed when its descriptor bears a note, which may be another backend's.
  /// Nothing is in flight on it.
  virtual void forget(const descriptor_users& users, int fd) noexcept { (void)users, (void)fd; }

  /// Passes on all that was submitted and takes completions. Waits for one until `until` at the
  /// latest: `no_wait` returns at once, `never` waits for ever.
  virtual void poll(steady_time until) noexcept = 0;
  static constexpr steady_time no_wait = steady_time::min();

  /// Whether it looks before it sleeps: asked once.
  virtual bool looks() const noexcept { return false; }
  /// Looks for completions, and whether `messages` have come, for as long as that may pay and until
  /// `until` at most, while nobody has to wake the thread. True when `poll` needn't wait.
  virtual bool look(steady_time until, const inbox& messages) noexcept {
    (void)until, (void)messages;
    return false;
  }

  /// Ends the current or the next wait in `poll`. From any thread, also from a signal handler.
  virtual void wake() noexcept = 0;

  /// The time by which deadlines are judged.
  virtual steady_time now() const noexcept { return std::chrono::steady_clock::now(); }
  /// The same, some milliseconds late: asked each turn, so it has to be cheap.
  virtual steady_time coarse_now() const noexcept;

  /// A place in a table of open files that the backend has of its own, for operations on it to be
  /// linked to the one that opens it; -1 where it has none, or none left.
  virtual int take_direct_slot() noexcept { return -1; }
  /// Closes what is in the place, if anything. Nothing may be in flight on it.
  virtual void return_direct_slot(int slot) noexcept { (void)slot; }

  /// Whether descriptors should be opened with O_NONBLOCK: that flag belongs to the backend.
  virtual bool nonblocking() const noexcept = 0;

  /// `uring`, `epoll`, …
  virtual const char* name() const noexcept = 0;
  /// What it is, what it got from the kernel, and what it does without. Put together anew each
  /// time: not for a hot path.
  virtual backend_report report() const = 0;
  virtual const backend_counters& counters() const noexcept = 0;

  /// Called once, by the loop that owns this backend.
  virtual void attach(loop& home) { (void)home; }
};

}  // namespace gyre
