#pragma once

#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "gyre/runtime/promise.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/time.h"

struct io_uring_sqe;

namespace gyre {

class backend;
class linked_submission;
class operation_metrics;

/// What must be so before `perform` can succeed: poll(2) events on a descriptor.
class readiness {
 public:
  readiness(int fd, short events) noexcept : fd(fd), events(events) {}
  /// The operation never waits for a descriptor: where it blocks, it blocks on a disk or a lock.
  static readiness none() noexcept { return {-1, 0}; }

  int fd;
  short events;
};

/// How the io_uring backend runs an operation. In a link all that have an opcode are submissions,
/// so that they are one.
enum class ring_policy : std::uint8_t {
  /// As a submission of its own.
  submit,
  /// As a system call, at once and again each time that the ring has seen its readiness: for what
  /// never blocks otherwise, but would cost a kernel worker.
  perform,
  /// As a system call on one of the backend's own threads: for what blocks on a disk or a lock, and
  /// would cost a kernel worker, of which there is no telling how many.
  offload,
};

/// What an operation may have to wait for.
enum class awaited_thing : std::uint8_t {
  nothing,  ///< the system call returns at once
  reading,  ///< a descriptor that becomes readable
  writing,  ///< a descriptor that becomes writable
  events,   ///< a descriptor's events, without which the system call returns, O_NONBLOCK or not
  device,   ///< a disk or a lock, which nobody can watch
  network,  ///< the same of an answer from another host, which may take half a minute
};

/// In place of the opcode where there is none to use: such operations are system calls everywhere.
inline constexpr std::uint8_t no_opcode = 255;

/// What all operations of a class have in common, for backends and for docs/operations.md.
class operation_kind {
 public:
  constexpr operation_kind(const char* name, const char* call, awaited_thing waits_for,
                           ring_policy policy, std::uint8_t opcode, const char* since) noexcept
      : name(name),
        call(call),
        since(since),
        opcode(opcode),
        policy(policy),
        waits_for(waits_for) {}
  /// Of an operation that io_uring doesn't have, or better hadn't: `policy` is `perform` or
  /// `offload`.
  constexpr operation_kind(const char* name, const char* call, awaited_thing waits_for,
                           ring_policy policy) noexcept
      : operation_kind(name, call, waits_for, policy, no_opcode, "") {}

  constexpr bool has_opcode() const noexcept { return opcode != no_opcode; }

  const char* name;     ///< as its class
  const char* call;     ///< the system call, as `recv(2)`
  const char* since;    ///< the first Linux whose io_uring has the opcode
  std::uint8_t opcode;  ///< of io_uring: what `prepare` fills in
  ring_policy policy;
  awaited_thing waits_for;
};

/// What a backend has noted about a descriptor. The note goes along with the descriptor, so that a
/// backend knows it again whatever has happened to its number meanwhile.
class descriptor_note {
 public:
  backend* by = nullptr;  ///< whose note it is; null where there is none
  std::uint64_t entry = 0;
};

/// Counts the operations in flight on one descriptor, so that closing it can wait for them.
class descriptor_users {
 public:
  descriptor_users() noexcept = default;
  descriptor_users(const descriptor_users&) = delete;
  descriptor_users& operator=(const descriptor_users&) = delete;

  bool any() const noexcept { return in_flight_ != 0; }

  /// From here on nothing begins: what is started ends with EBADF.
  void begin_closing() noexcept { closing_ = true; }
  void end_closing() noexcept { closing_ = false; }
  bool closing() const noexcept { return closing_; }

  /// The descriptor's number, or -1.
  int number = -1;
  /// For backends; see `backend::forget`.
  descriptor_note note;

 private:
  friend class operation;
  friend class users_left;
  unsigned in_flight_ = 0;
  bool closing_ = false;
  suspension* closer_ = nullptr;
  void (*left_)(suspension&) noexcept = nullptr;
};

/// One request to the kernel, described once for all backends. It lives in the frame of the
/// coroutine that awaits it, and the kernel may use it and its buffers until it has completed; a
/// backend completes it exactly once, when the kernel has let go of it. Derived classes say what is
/// asked for and turn the answer into a `result`:
///
///     class recv final : public operation {
///       void prepare(io_uring_sqe& sqe) noexcept override;       // as a submission
///       int perform() noexcept override;                         // as a system call
///       readiness ready_when() const noexcept override;          // what to wait for at EAGAIN
///       static const operation_kind kind;                        // name, opcode, policy
///       result<std::size_t> await_resume() noexcept;
///     };
class operation : public suspension {
 public:
  /// Fills a zeroed submission queue entry, all but `user_data`. Never asked for without an opcode.
  virtual void prepare(io_uring_sqe& sqe) noexcept;
  /// As `prepare`, for an entry of a link: the kernel begins the next one when it thinks that this
  /// one is done, so that it must know of a transfer that is to be whole.
  virtual void prepare_linked(io_uring_sqe& sqe) noexcept { prepare(sqe); }
  /// Makes the system call: a result of 0 or more, or a negative errno.
  virtual int perform() noexcept = 0;
  /// As `perform` where all that is needed lies in the kernel's caches, else -EAGAIN: tried by
  /// backends before they hand over to a thread what may wait for a disk.
  virtual int perform_cached() noexcept { return -EAGAIN; }
  /// What to wait for when `perform` answers -EAGAIN.
  virtual readiness ready_when() const noexcept = 0;

  /// For operations that go on until a whole buffer is transferred: takes note of `count` more
  /// bytes, and says whether the rest is still to be asked for, by `prepare` once more. Asked by
  /// backends that `prepare`; `perform` keeps its own account.
  bool advance(int count) noexcept { return whole_ && advance_by(count); }
  /// Whether an operation that ended without an error did all that it promised. A whole transfer
  /// that came to an early end did not: it cuts a link.
  bool fulfilled() noexcept { return !advance(0); }

  /// Whether a transfer of `count` bytes was less than was asked for. A byte stream is exhausted
  /// then: backends that wait for readiness need not try once more to learn it.
  virtual bool fell_short(int count) const noexcept {
    (void)count;
    return false;
  }

  /// Whether it can be one entry of a submission of several: what the kernel takes in parts, or
  /// what can't be filled in yet, can't.
  virtual bool linkable() const noexcept { return true; }

  void request_stop() noexcept final;

  bool await_ready() const noexcept { return false; }
  template <gyre_promise Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    return start(awaiting.promise(), at);
  }

  // For awaiters that wrap an operation.
  /// Begins the operation; false when it has ended already and its waiter need not suspend.
  bool start(promise_base& waiter, await_location at = {}) noexcept;

  // For backends.
  /// Hands the result over and lets the waiter go on. The operation may be gone right after the
  /// loop's next turn of its ready queue.
  void complete(int result) noexcept {
    promise_base& waiter = *waiter_;
    loop& home = waiter.chain().home();
    if (state_ != state::in_flight || result < 0 || home.observer()) [[unlikely]]
      return complete_noted(result);
    end(result);
    home.make_ready(waiter);
  }
  /// Hands the result over where `backend::submit` has it at once.
  void conclude(int result) noexcept;
  bool stop_requested() const noexcept { return stop_requested_; }
  const operation_kind& kind() const noexcept { return *kind_; }
  const char* name() const noexcept final { return kind_->name; }
  int awaited_descriptor() const noexcept override;
  /// The descriptor that it waits for; null where that is none of Gyre's.
  descriptor_users* users() const noexcept { return users_; }
  /// Whether it is counted there: an operation may be on two descriptors.
  bool is_counted_by(const descriptor_users& users) const noexcept {
    return users_ == &users || other_users_ == &users;
  }
  promise_base* waiter() const noexcept { return waiter_; }

  // For links, see link.h.
  /// Counts it on its descriptors once more, from before it begins until after it has ended:
  /// closing one of them has to wait for all of a link.
  void hold() noexcept {
    if (!users_) return;
    ++users_->in_flight_;
    if (other_users_) ++other_users_->in_flight_;
  }
  void let_go() noexcept {
    if (!users_) return;
    leave(*users_);
    if (other_users_) leave(*other_users_);
  }
  /// Makes it a part of `submission`, to be handed over by `backend::submit_linked`.
  void join(linked_submission& submission, promise_base& waiter) noexcept;
  /// The submission was taken.
  void joined() noexcept;
  /// The submission was not taken: it has not begun.
  void leave_submission() noexcept;
  /// Whether one of its descriptors is being closed.
  bool is_refused() const noexcept {
    return users_ && (users_->closing_ || (other_users_ && other_users_->closing_));
  }
  /// Asks it to end, alone.
  void stop() noexcept;
  /// Ends its wait, so that `waiter` may go before it does.
  void detach() noexcept;
  /// Detaches it, and takes back that it has ended: it is to be started once more.
  void forget() noexcept {
    detach();
    state_ = state::idle;
    stop_requested_ = false;
    uncounted_ = false;
  }
  /// Takes over how an operation ended that stands for this one.
  void adopt(int result) noexcept {
    result_ = result;
    state_ = state::ended;
  }
  /// Ends what was not begun.
  void skip() noexcept {
    result_ = -ECANCELED;
    state_ = state::ended;
  }
  bool in_flight() const noexcept { return state_ >= state::in_flight; }
  bool ended() const noexcept { return state_ == state::ended; }
  /// The kernel's answer, once it has ended.
  int answer() const noexcept { return result_; }
  bool succeeded() noexcept { return result_ >= 0 && fulfilled(); }

  /// For the backend's own use while the operation is in flight.
  std::uint32_t backend_slot;
  std::uint32_t backend_state;
  operation* backend_next;
  operation* backend_previous;

 protected:
  /// `users` is where the descriptor counts its operations; null for descriptors that nobody closes
  /// through Gyre.
  operation(const operation_kind& kind, descriptor_users* users) noexcept
      : kind_(&kind), users_(users) {}
  enum whole_transfer { whole };
  /// One that uses `advance`.
  operation(const operation_kind& kind, descriptor_users* users, whole_transfer) noexcept
      : kind_(&kind), users_(users), whole_(true) {}
  /// One on two descriptors; `users` is of the one that it may wait for.
  operation(const operation_kind& kind, descriptor_users& users, descriptor_users& other) noexcept
      : kind_(&kind), users_(&users), other_users_(&other) {}
  ~operation() {
    check(!in_flight(),
          "a task was destroyed while its operation was in flight: stop it and await its end");
  }

  /// The kernel's answer: 0 or more, or a negative errno. Ends the wait.
  int outcome() noexcept {
    if (stands_for_ != 0) [[unlikely]]
      measure_resumption();
    end_wait();
    return result_;
  }
  result<std::size_t> outcome_size() noexcept {
    const int answer = outcome();
    if (answer < 0) return errno_error(-answer);
    return static_cast<std::size_t>(answer);
  }
  result<void> outcome_void() noexcept {
    const int answer = outcome();
    if (answer < 0) return errno_error(-answer);
    return {};
  }

 private:
  virtual bool advance_by(int count) noexcept {
    (void)count;
    return false;
  }

  enum class state : std::uint8_t {
    idle,
    ended,
    in_flight,
    in_flight_noted,  ///< its end is for others than its waiter too: it is measured, or in a link
  };

  void end(int result) noexcept {
    result_ = result;
    state_ = state::ended;
    let_go();
  }

  static void leave(descriptor_users& users) noexcept {
    if (--users.in_flight_ == 0 && users.closer_) [[unlikely]]
      let_close(users);
  }
  static void let_close(descriptor_users& users) noexcept;
  inline void tell_start(loop& home) noexcept;
  void observe_start(loop_observer& observer) noexcept;
  void measure_from_here(loop& home, operation_metrics* metrics) noexcept;
  void complete_noted(int result) noexcept;
  void measure_end(int result) noexcept;
  void measure_resumption() noexcept;

  // In the order in which they are used. Those without a value get theirs when it begins, or ends.
  const operation_kind* kind_;
  descriptor_users* users_;
  descriptor_users* other_users_ = nullptr;  // there are `users_` too, then
  linked_submission* linked_ = nullptr;
  std::uint32_t stands_for_ = 0;  // so many, where its time is measured, from beginning to end
  state state_ = state::idle;
  bool stop_requested_ = false;
  bool whole_ = false;
  bool uncounted_ = false;  // it began while nothing was
  int result_;
  std::chrono::nanoseconds measured_since_;  // the clock's, at its beginning, then at its end
};

/// Waits until no operation is in flight on a descriptor. Not ended by a stop: what waits here is
/// about to close the descriptor.
class users_left final : public suspension {
 public:
  explicit users_left(descriptor_users& users) noexcept : users_(users) {}

  bool await_ready() const noexcept { return !users_.any(); }
  template <gyre_promise Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting,
                     await_location at = await_location::current()) noexcept {
    check(users_.closer_ == nullptr, "a descriptor was closed twice at the same time");
    users_.closer_ = this;
    users_.left_ = [](suspension& self) noexcept {
      static_cast<users_left&>(self).resume_waiter();
    };
    begin_wait(awaiting.promise(), at);
  }
  void await_resume() noexcept { end_wait(); }

  void request_stop() noexcept override {}
  const char* name() const noexcept override { return "close"; }
  int awaited_descriptor() const noexcept override { return users_.number; }

 private:
  descriptor_users& users_;
};

}  // namespace gyre
