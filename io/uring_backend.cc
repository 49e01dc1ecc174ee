#include "gyre/io/uring_backend.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <new>
#include <utility>

#include "gyre/io/catalogue.h"
#include "gyre/io/unnoticed_failures.h"
#include "gyre/io/uring_report.h"
#include "gyre/runtime/check.h"
#include "gyre/runtime/inbox.h"

namespace gyre {
namespace {

// Of the completion's 64 bits the upper half is the generation, of which a bit is always set.
constexpr std::uint64_t wake_data = 0;
constexpr std::uint64_t cancel_data = 1;  // + the slot of what is cancelled

constexpr std::uint32_t no_slot = UINT32_MAX;
constexpr unsigned kept_for_cancels_max = 16;
constexpr unsigned reap_max = 1024;
constexpr std::chrono::milliseconds retry_pause(1);

// What an operation is doing, in operation::backend_state: where it waits for readiness, also what
// follows.
enum stage : std::uint32_t {
  in_backlog,
  in_pool,
  in_ring,
  in_link,
  to_submit,
  to_perform,
  to_offload
};
constexpr std::uint32_t cancel_due = 8;  // besides: it stands in cancels_due_

std::uint64_t user_data_of(std::uint32_t slot, std::uint32_t generation) noexcept {
  return std::uint64_t{generation} << 32 | slot;
}

// EINTR, or one of the kernel's own numbers for it (ERESTARTSYS and its kin): of a splice that
// waits in a worker they get out.
bool interrupted(int result) noexcept {
  return result == -EINTR || (result <= -512 && result >= -516);
}

// Of a file in the ring's own table there is no number to wait for.
bool waits_for_descriptor(const operation& operation) noexcept {
  const awaited_thing awaited = operation.kind().waits_for;
  return operation.ready_when().fd >= 0 ||
         (awaited != awaited_thing::device && awaited != awaited_thing::network &&
          awaited != awaited_thing::nothing);
}

// What is emulated then may be a system call that blocks, unless its descriptor is told not to;
// some ask for their events without waiting, whatever the descriptor.
bool blocks_without(const opcode_set& usable, const operation_kind& kind) noexcept {
  return kind.policy == ring_policy::submit && !usable.test(kind.opcode) &&
         (kind.waits_for == awaited_thing::reading || kind.waits_for == awaited_thing::writing);
}

bool anything_blocks_without(const opcode_set& usable) {
  return std::ranges::any_of(
      catalogue(), [&](const operation_kind* kind) { return blocks_without(usable, *kind); });
}

ring_feature_set joined(ring_feature_set some, const ring_feature_set& others) noexcept {
  some.add(others);
  return some;
}

bool contains(const opcode_set& all, const opcode_set& some) noexcept {
  return (all & some) == some;
}

}  // namespace

opcode_set uring_backend::indispensable() noexcept {
  opcode_set all;
  for (const unsigned each :
       {IORING_OP_NOP, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_READ})
    all.set(each);
  return all;
}

result<std::unique_ptr<uring_backend>> uring_backend::create(const uring_options& options,
                                                             const kill_switches& also_without) {
  if (options.in_flight_max == 0) return std::errc::invalid_argument;
  auto made = ring::create(options.size, joined(options.without_features, also_without.features));
  if (!made) return made.error();
  if (!contains((*made)->opcodes() & ~options.without & ~also_without.opcodes, indispensable()))
    return std::errc::operation_not_supported;
  descriptor wake(eventfd(0, EFD_CLOEXEC));
  if (!wake.is_open()) return errno_error(errno);
  std::unique_ptr<uring_backend> backend(
      new uring_backend(*std::move(made), std::move(wake), options, also_without));
  if (!backend->grow()) return std::errc::not_enough_memory;
  return backend;
}

uring_backend::uring_backend(std::unique_ptr<ring> ring, descriptor wake,
                             const uring_options& options, const kill_switches& also_without)
    : ring_(std::move(ring)),
      direct_(*ring_),
      options_(options),
      also_without_(also_without),
      usable_(ring_->opcodes() & ~options.without & ~also_without.opcodes),
      links_(!switched_off(ring_feature::linked_submissions)),
      direct_usable_(!switched_off(ring_feature::direct_descriptors) &&
                     contains(usable_, direct_table::opcodes())),
      nonblocking_(anything_blocks_without(usable_)),
      kept_for_cancels_(std::min(kept_for_cancels_max, ring_->submissions() / 4)),
      first_free_(no_slot),
      spin_(options.spin),
      wake_(std::move(wake)),
      pool_(*this, options.threads_max) {
  arm_wake();
}

uring_backend::~uring_backend() {
  check(counters_.submitted == counters_.completed,
        "a backend was destroyed with operations in flight");
  wake();
  while (wake_armed_) {
    enter(1, never);
    ring_->reap(reap_max, [this](const io_uring_cqe& cqe) {
      if (cqe.user_data == wake_data) wake_armed_ = false;
    });
  }
}

bool uring_backend::grow() noexcept {
  const std::size_t old_size = slots_.size();
  const std::size_t new_size =
      std::min<std::size_t>(std::max<std::size_t>(old_size * 2, 1024), options_.in_flight_max);
  if (new_size == old_size) return false;
  try {
    slots_.resize(new_size);
  } catch (const std::bad_alloc&) {
    return false;
  }
  for (std::size_t i = new_size; i-- > old_size;) {
    slots_[i].next_free = first_free_;
    first_free_ = static_cast<std::uint32_t>(i);
  }
  return true;
}

// The ring is full only within a turn that submits more than it holds: the kernel then takes them
// early. Some entries are kept, so that a full ring can still be told to cancel.
bool uring_backend::has_room(std::size_t count) noexcept {
  if (ring_->submissions_free() < kept_for_cancels_ + count) [[unlikely]] {
    submit_now();
    if (ring_->submissions_free() < kept_for_cancels_ + count) return false;
  }
  while (!has_slots(count))
    if (!grow()) return false;
  return true;
}

bool uring_backend::has_slots(std::size_t count) const noexcept {
  std::uint32_t free = first_free_;
  for (; count > 0 && free != no_slot; --count) free = slots_[free].next_free;
  return count == 0;
}

// An opcode that the kernel does not have is missed by its operations alone.
inline ring_policy uring_backend::policy_of(const operation_kind& kind) const noexcept {
  if (kind.policy != ring_policy::submit || usable_.test(kind.opcode)) [[likely]]
    return kind.policy;
  return kind.waits_for == awaited_thing::device ? ring_policy::offload : ring_policy::perform;
}

// Mostly it is a submission, and there is room for it.
bool uring_backend::submit(operation& operation) noexcept {
  ++counters_.submitted;
  const bool room =
      backlog_.empty() && first_free_ != no_slot && ring_->submissions_free() > kept_for_cancels_;
  if (!room || policy_of(operation.kind()) != ring_policy::submit) [[unlikely]]
    return submit_slowly(operation);
  const slot& slot = take_slot(operation);
  operation.backend_state = in_ring;
  io_uring_sqe& sqe = ring_->take_submission();
  operation.prepare(sqe);
  sqe.user_data = user_data_of(operation.backend_slot, slot.generation);
  return false;
}

bool uring_backend::submit_slowly(operation& operation) noexcept {
  const ring_policy policy = policy_of(operation.kind());
  if (policy != ring_policy::submit) {
    const std::optional<int> result =
        policy == ring_policy::perform ? perform(operation) : offload(operation);
    if (!result) return false;
    if (*result != -EAGAIN || operation.ready_when().fd < 0) {
      ++counters_.completed;
      operation.conclude(*result);
      return true;
    }
  }
  if (backlog_.empty() && has_room())
    start(operation, policy);
  else
    enqueue(operation);
  return false;
}

// All entries are there before any is filled in, so that no enter comes between them. What blocks
// costs a kernel worker here, one for all of the link: so it goes from each to the next.
bool uring_backend::submit_linked(std::span<operation* const> operations, link_kind kind) noexcept {
  if (!links_) return false;
  for (const operation* each : operations) {
    const operation_kind& described = each->kind();
    if (!described.has_opcode() || !usable_.test(described.opcode)) return false;
    const bool followed = kind == link_kind::soft && each != operations.back();
    if (followed && fails_unnoticed(described.opcode)) return false;
  }
  if (!backlog_.empty() || !has_room(operations.size())) return false;
  counters_.submitted += operations.size();
  const std::uint8_t flag = kind == link_kind::soft ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
  for (operation* each : operations) {
    take_slot(*each);
    each->backend_state = in_link;
    io_uring_sqe& sqe = submit_entry(*each);
    if (each != operations.back()) sqe.flags |= flag;
  }
  return true;
}

int uring_backend::perform(operation& operation) noexcept {
  ++counters_.syscalls;
  return operation.perform();
}

// The result, where it is there at once.
std::optional<int> uring_backend::offload(operation& operation) noexcept {
  ++counters_.syscalls;
  const int cached = operation.perform_cached();
  if (cached != -EAGAIN) return cached;
  operation.backend_state = in_pool;
  if (pool_.submit(operation)) return std::nullopt;
  return perform(operation);  // no thread can be had: it blocks the loop, but gets done
}

// In the pool.
void uring_backend::performed(operation& operation, int result) noexcept {
  ++counters_.syscalls;
  if (result == -EAGAIN && operation.ready_when().fd >= 0) {
    if (!operation.stop_requested()) {
      if (has_room())
        start(operation, policy_of(operation.kind()));
      else
        enqueue(operation);
      return;
    }
    result = -ECANCELED;
  }
  ++counters_.completed;
  operation.complete(result);
}

void uring_backend::enqueue(operation& operation) noexcept {
  ++counters_.backlogged;
  operation.backend_state = in_backlog;
  backlog_.push(operation);
}

inline uring_backend::slot& uring_backend::take_slot(operation& operation) noexcept {
  slot& slot = slots_[first_free_];
  operation.backend_slot = std::exchange(first_free_, slot.next_free);
  slot.operation = &operation;
  slot.generation = (slot.generation + 1) | slot::generation_bit;
  return slot;
}

void uring_backend::start(operation& operation, ring_policy policy) noexcept {
  take_slot(operation);
  switch (policy) {
    case ring_policy::submit:
      operation.backend_state = in_ring;
      break;
    case ring_policy::perform:
      operation.backend_state = to_perform;
      break;
    case ring_policy::offload:
      operation.backend_state = to_offload;
      break;
  }
  submit_entry(operation);
}

// There must be room in the ring.
io_uring_sqe& uring_backend::submit_entry(operation& operation) noexcept {
  io_uring_sqe& sqe = ring_->take_submission();
  if (operation.backend_state == in_link) {
    operation.prepare_linked(sqe);
  } else if (operation.backend_state < in_link) {
    operation.prepare(sqe);
  } else {
    const readiness awaited = operation.ready_when();
    io_uring_prep_poll_add(&sqe, awaited.fd, static_cast<unsigned>(awaited.events));
  }
  sqe.user_data = user_data_of(operation.backend_slot, slots_[operation.backend_slot].generation);
  return sqe;
}

void uring_backend::submit_again() noexcept {
  if (!cancels_due_.empty() && now() >= cancel_again_at_) {
    while (!cancels_due_.empty() && submit_cancel(*cancels_due_.first()))
      cancels_due_.pop()->backend_state &= ~cancel_due;
  }
  while (!backlog_.empty() && has_room()) {
    operation& next = *backlog_.pop();
    start(next, policy_of(next.kind()));
  }
}

void uring_backend::cancel(operation& operation) noexcept {
  ++counters_.cancelled;
  if (operation.backend_state == in_pool) {
    if (!pool_.withdraw(operation)) return;
    ++counters_.completed;
    operation.complete(-ECANCELED);
  } else if (operation.backend_state == in_backlog) {
    backlog_.remove(operation);
    ++counters_.completed;
    operation.complete(-ECANCELED);
  } else if (!submit_cancel(operation)) {
    operation.backend_state |= cancel_due;
    cancels_due_.push(operation);
  }
}

// Success is seen at the cancelled operation, failure by `cancel_failed`.
bool uring_backend::submit_cancel(const operation& operation) noexcept {
  io_uring_sqe* sqe = next_submission();
  if (!sqe) return false;
  const std::uint32_t slot = operation.backend_slot;
  io_uring_prep_cancel64(sqe, user_data_of(slot, slots_[slot].generation), 0);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = cancel_data + slot;
  return true;
}

// Mostly the operation has completed. But one that goes on as soon as its descriptor is ready is in
// none of the kernel's lists while it is about to, and would not be found though it may wait again.
void uring_backend::cancel_failed(std::uint32_t slot, int error) noexcept {
  operation* operation = slots_[slot].operation;
  if (error != -ENOENT || !operation || !operation->stop_requested()) return;
  if (operation->backend_state & cancel_due || !waits_for_descriptor(*operation)) return;
  operation->backend_state |= cancel_due;
  cancels_due_.push(*operation);
  cancel_again_at_ = now() + retry_pause;
}

// An entry even of those that are kept back; null when the kernel takes none.
io_uring_sqe* uring_backend::next_submission() noexcept {
  if (io_uring_sqe* sqe = ring_->next_submission()) return sqe;
  submit_now();
  return ring_->next_submission();
}

void uring_backend::cancel_all(const descriptor_users& users) noexcept {
  for (operation* each = backlog_.first(); each;) {
    operation* next = each->backend_next;
    if (each->is_counted_by(users)) each->request_stop();
    each = next;
  }
  for (const slot& each : slots_)
    if (each.operation && each.operation->is_counted_by(users)) each.operation->request_stop();
  while (operation* each = pool_.find(users)) each->request_stop();
}

inline void uring_backend::release(slot& slot) noexcept {
  slot.next_free = std::exchange(first_free_, slot.operation->backend_slot);
  slot.operation = nullptr;
}

// Null where nothing bears that number, or what did has ended.
inline uring_backend::slot* uring_backend::slot_of(std::uint64_t user_data) noexcept {
  const auto index = static_cast<std::uint32_t>(user_data);
  if (index >= slots_.size()) [[unlikely]]
    return nullptr;
  slot& slot = slots_[index];
  const auto generation = static_cast<std::uint32_t>(user_data >> 32);
  return slot.generation == generation && slot.operation ? &slot : nullptr;
}

// Mostly it is the end of what was submitted once.
inline void uring_backend::completed(const io_uring_cqe& cqe) noexcept {
  slot* const slot = slot_of(cqe.user_data);
  if (!slot || slot->operation->backend_state != in_ring || cqe.res < 0) [[unlikely]]
    return completed_otherwise(cqe.user_data, cqe.res);
  operation& operation = *slot->operation;
  if (cqe.res > 0 && operation.advance(cqe.res) && !operation.stop_requested()) [[unlikely]]
    return repeat(operation);
  end(*slot, cqe.res);
}

void uring_backend::completed_otherwise(std::uint64_t user_data, int result) noexcept {
  if (user_data >> 32 == 0) {
    if (user_data == wake_data)
      wake_armed_ = false;
    else
      cancel_failed(static_cast<std::uint32_t>(user_data - cancel_data), result);
    return;
  }
  slot* const slot = slot_of(user_data);
  if (!slot) {
    ++counters_.stale;
    return;
  }
  operation& operation = *slot->operation;
  if (operation.backend_state & cancel_due) {
    cancels_due_.remove(operation);
    operation.backend_state &= ~cancel_due;
  }
  if (operation.backend_state != in_ring) {
    if (operation.backend_state == in_link) return end_linked(*slot, result);
    if (result >= 0) {
      if (operation.backend_state == to_offload) return offload_again(operation);
      result = operation.backend_state == to_perform ? perform(operation) : -EINTR;
      if (operation.backend_state == to_submit) operation.backend_state = in_ring;
    }
  }
  // A worker was interrupted, or a non-blocking descriptor was not ready: neither is the answer.
  const bool again = interrupted(result) || (result == -EAGAIN && operation.ready_when().fd >= 0);
  if (again && !operation.stop_requested()) {
    if (result == -EAGAIN && operation.backend_state == in_ring)
      operation.backend_state = to_submit;
    repeat(operation);
    return;
  }
  if (result > 0 && operation.advance(result) && !operation.stop_requested()) {
    repeat(operation);
    return;
  }
  end(*slot, again ? -ECANCELED : result);
}

inline void uring_backend::end(slot& slot, int result) noexcept {
  operation& operation = *slot.operation;
  release(slot);
  ++counters_.completed;
  operation.complete(result);
}

// What is no answer has cut the link, and is not repeated from here: the rest would not follow.
void uring_backend::end_linked(slot& slot, int result) noexcept {
  operation& operation = *slot.operation;
  const bool waits = result == -EAGAIN && operation.ready_when().fd >= 0;
  if (result > 0)
    operation.advance(result);
  else if (operation.stop_requested() && (interrupted(result) || waits))
    result = -ECANCELED;
  else if (interrupted(result))
    result = -EINTR;
  end(slot, result);
}

// It was in the pool, had to wait for a descriptor, and that is ready.
void uring_backend::offload_again(operation& operation) noexcept {
  release(slots_[operation.backend_slot]);
  const std::optional<int> result =
      operation.stop_requested() ? std::optional(-ECANCELED) : offload(operation);
  if (result) performed(operation, *result);
}

void uring_backend::repeat(operation& operation) noexcept {
  if (ring_->submissions_free() > 0 || has_room()) {
    submit_entry(operation);
    return;
  }
  release(slots_[operation.backend_slot]);
  enqueue(operation);
}

// What is in the table no system call can reach: it serves only where all operations on it do.
int uring_backend::take_direct_slot() noexcept {
  return direct_usable_ ? direct_.take() : -1;
}

void uring_backend::arm_wake() noexcept {
  io_uring_sqe* sqe = next_submission();
  if (!sqe) return;
  io_uring_prep_read(sqe, wake_.number(), &wake_count_, sizeof wake_count_, 0);
  sqe->user_data = wake_data;
  wake_armed_ = true;
}

// A thread that looks for completions sees this too, and need not be told by the kernel.
void uring_backend::wake() noexcept {
  if (look_.wake()) return;
  const int interrupted_errno = errno;  // of the code that a signal handler interrupts
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  errno = interrupted_errno;
}

[[gnu::always_inline]] inline void uring_backend::enter(unsigned least,
                                                        steady_time until) noexcept {
  ++counters_.syscalls;
  const int entered = ring_->enter(least, until);
  if (entered < 0) [[unlikely]]
    enter_failed(-entered, least > 0);
}

void uring_backend::submit_now() noexcept {
  enter(0, no_wait);
}

void uring_backend::enter_failed(int error, bool waits) noexcept {
  switch (error) {
    case EINTR:
    case ETIME:
      break;
    case EAGAIN:
    case EBUSY:
    case ENOMEM: {
      // The kernel has no memory for requests just now. What was published stays published.
      const timespec pause = {0, 1'000'000};
      if (waits) nanosleep(&pause, nullptr);
      break;
    }
    default:
      errno = error;
      std::perror("io_uring_enter");
      fail_check("io_uring_enter failed in a way that leaves the ring unusable");
  }
}

// Not while anything waits that `poll` has to see to.
bool uring_backend::look(steady_time until, const inbox& messages) noexcept {
  if (!wake_armed_ || !backlog_.empty() || !cancels_due_.empty()) return false;
  if (ring_->unconsumed() > 0) submit_now();
  if (ring_->has_completions()) return true;
  if (!spin_.due()) return false;
  ++counters_.spins;
  look_.begin_look();
  const bool seen = spin_.spin(until, [&] {
    if (ring_->has_deferred()) submit_now();
    return !messages.empty() || ring_->has_completions() || look_.woken();
  });
  const bool found = look_.end_look() || seen;
  if (!found) ++counters_.spun_in_vain;
  return found;
}

void uring_backend::sleep(steady_time until) noexcept {
  spin_.sleep([&] { enter(1, until); });
}

bool uring_backend::collect() noexcept {
  return pool_.collect([this](operation& operation, int result) { performed(operation, result); }) >
         0;
}

void uring_backend::poll(steady_time until) noexcept {
  if (pool_.has_done() && collect()) until = no_wait;
  if (!wake_armed_) arm_wake();
  if (!backlog_.empty() || !cancels_due_.empty()) [[unlikely]] {
    submit_again();
    // What the kernel takes no entries for just now is tried again; no completion would remind us.
    if (!cancels_due_.empty() || (!backlog_.empty() && first_free_ != no_slot))
      until = std::min(until, now() + retry_pause);
  }
  if (!wake_armed_) until = no_wait;
  if (until == no_wait || ring_->has_completions()) {
    if (ring_->unconsumed() > 0 || ring_->has_deferred()) enter(0, no_wait);
  } else {
    ++counters_.waits;
    if (spin_.enabled()) [[unlikely]]
      sleep(until);
    else
      enter(1, until);
  }
  if (ring_->overflowed()) ++counters_.overflows;
  ring_->reap(reap_max, [this](const io_uring_cqe& cqe) { completed(cqe); });
  if (pool_.has_done()) collect();
}

backend_report uring_backend::report() const {
  return report_of(*ring_, ring_->opcodes(), options_, also_without_, direct_.is_refused());
}

}  // namespace gyre
