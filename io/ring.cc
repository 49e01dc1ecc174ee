#include "gyre/io/ring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "gyre/io/uring_abi.h"
#include "gyre/runtime/check.h"

namespace gyre {
namespace {

constexpr unsigned common_flags =
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_TASKRUN_FLAG;
constexpr unsigned deferred_flags =
    common_flags | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

// Best first; a kernel that does not know a flag answers EINVAL.
constexpr std::array<unsigned, 4> flag_ladder = {
    deferred_flags | uring_abi::setup_no_sqarray,                           // 6.6
    deferred_flags,                                                         // 6.1
    common_flags | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,  // 6.0
    common_flags | IORING_SETUP_COOP_TASKRUN,                               // 5.19
};

// Those of `flags` that are wanted, with what stands in for the others.
unsigned wanted_flags(unsigned flags, const ring_feature_set& without) noexcept {
  if (without.has(ring_feature::no_sqarray)) flags &= ~uring_abi::setup_no_sqarray;
  if (without.has(ring_feature::deferred_task_work) && flags & IORING_SETUP_DEFER_TASKRUN)
    flags = (flags & ~IORING_SETUP_DEFER_TASKRUN) | IORING_SETUP_COOP_TASKRUN;
  return flags;
}

constexpr unsigned needed_features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |
                                     IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL |
                                     IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;

constexpr unsigned completions_least = 128;

int setup_call(unsigned entries, io_uring_params& params) noexcept {
  const long fd = syscall(__NR_io_uring_setup, entries, &params);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

int register_call(int fd, unsigned opcode, void* argument, unsigned count) noexcept {
  const long done = syscall(__NR_io_uring_register, fd, opcode, argument, count);
  return done < 0 ? -errno : static_cast<int>(done);
}

// An error of io_uring_enter(2) that the next attempt may not meet.
bool is_passing(int error) noexcept {
  return error == -EINTR || error == -EAGAIN || error == -EBUSY;
}

template <class T>
T* at(void* base, unsigned offset) noexcept {
  return reinterpret_cast<T*>(static_cast<char*>(base) + offset);
}

}  // namespace

result<std::unique_ptr<ring>> ring::create(const ring_size& size, const ring_feature_set& without) {
  if (size.submissions == 0 || size.completions < size.submissions)
    return std::errc::invalid_argument;
  ring_size wanted = size;
  // The kernel credits the memory of rings that have gone some time after that.
  int attempts_left = 8;
  while (true) {
    result<std::unique_ptr<ring>> made = set_up(wanted, without);
    if (made || made.error() != std::errc::not_enough_memory) return made;
    if (--attempts_left > 0) {
      const timespec pause = {0, 2'000'000};
      nanosleep(&pause, nullptr);
    } else if (wanted.completions > completions_least) {
      wanted.completions /= 2;
      wanted.submissions = std::min(wanted.submissions, wanted.completions / 2);
    } else {
      return made;
    }
  }
}

result<std::unique_ptr<ring>> ring::set_up(const ring_size& size, const ring_feature_set& without) {
  std::unique_ptr<ring> made(new ring);
  io_uring_params params;
  int fd = -EINVAL;
  for (const unsigned flags : flag_ladder) {
    std::memset(&params, 0, sizeof params);
    params.flags = wanted_flags(flags, without);
    params.cq_entries = size.completions;
    fd = setup_call(size.submissions, params);
    if (fd != -EINVAL) break;
  }
  if (fd == -EINVAL) return std::errc::operation_not_supported;
  if (fd < 0) return errno_error(-fd);

  made->fd_ = fd;
  made->enter_fd_ = fd;
  made->setup_flags_ = params.flags;
  made->features_ = params.features;
  if ((params.features & needed_features) != needed_features)
    return std::errc::operation_not_supported;
  if (without.has(ring_feature::absolute_timeouts))
    made->features_ &= ~uring_abi::feature_min_timeout;
  if (without.has(ring_feature::no_iowait)) made->features_ &= ~uring_abi::feature_no_iowait;
  if (made->features_ & uring_abi::feature_no_iowait)
    made->enter_flags_ |= uring_abi::enter_no_iowait;
  if (!made->map(params)) return errno_error(errno);
  if (!without.has(ring_feature::registered_ring)) made->register_file();
  made->limit_workers();
  made->find_opcodes();
  if (auto proven = made->prove(); !proven) return proven.error();
  return made;
}

bool ring::map(const io_uring_params& params) noexcept {
  queues_size_ =
      std::max<std::size_t>(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                            params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  sqes_size_ = params.sq_entries * sizeof(io_uring_sqe);
  const auto share = [this](std::size_t size, unsigned long long what) {
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_,
                        static_cast<off_t>(what));
    // A forked child that touched these would submit in its parent's name.
    if (mapped != MAP_FAILED) madvise(mapped, size, MADV_DONTFORK);
    return mapped == MAP_FAILED ? nullptr : mapped;
  };
  queues_ = share(queues_size_, IORING_OFF_SQ_RING);
  sqes_ = static_cast<io_uring_sqe*>(share(sqes_size_, IORING_OFF_SQES));
  if (!queues_ || !sqes_) return false;

  sq_entries_ = params.sq_entries;
  sq_head_ = at<unsigned>(queues_, params.sq_off.head);
  sq_shared_tail_ = at<unsigned>(queues_, params.sq_off.tail);
  sq_flags_ = at<unsigned>(queues_, params.sq_off.flags);
  cq_head_ = at<unsigned>(queues_, params.cq_off.head);
  cq_tail_ = at<unsigned>(queues_, params.cq_off.tail);
  cq_mask_ = params.cq_entries - 1;
  cqes_ = at<io_uring_cqe>(queues_, params.cq_off.cqes);
  if (!(setup_flags_ & uring_abi::setup_no_sqarray)) {
    unsigned* array = at<unsigned>(queues_, params.sq_off.array);
    for (unsigned i = 0; i < sq_entries_; ++i) array[i] = i;
  }
  return true;
}

// Spares the kernel a look-up of the descriptor at each call; not having it costs only that.
void ring::register_file() noexcept {
  io_uring_rsrc_update update{};
  update.offset = -1U;
  update.data = static_cast<std::uint64_t>(fd_);
  if (register_call(fd_, IORING_REGISTER_RING_FDS, &update, 1) != 1) return;
  enter_fd_ = static_cast<int>(update.offset);
  enter_flags_ |= IORING_ENTER_REGISTERED_RING;
}

bool ring::register_files(unsigned count) noexcept {
  io_uring_rsrc_register files{};
  files.nr = count;
  files.flags = IORING_RSRC_REGISTER_SPARSE;
  return register_call(fd_, IORING_REGISTER_FILES2, &files, sizeof files) == 0;
}

bool ring::close_registered(unsigned index) noexcept {
  int none = -1;
  io_uring_rsrc_update update{};
  update.offset = index;
  update.data = reinterpret_cast<std::uintptr_t>(&none);
  return register_call(fd_, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1;
}

// The kernel's own limit for operations that block would be thousands of threads.
void ring::limit_workers() noexcept {
  std::array<unsigned, 2> most = {4, 4};
  register_call(fd_, IORING_REGISTER_IOWQ_MAX_WORKERS, most.data(), most.size());
}

// A sandbox may allow io_uring_setup and forbid io_uring_enter; a kernel that is busy just now is
// no reason to do without.
result<void> ring::prove() noexcept {
  io_uring_prep_nop(next_submission());
  int entered = enter(1, never);
  for (int left = 100; left > 0 && is_passing(entered); --left) {
    const timespec pause = {0, 100'000};
    nanosleep(&pause, nullptr);
    entered = enter(1, never);
  }
  if (entered < 0) return errno_error(-entered);
  reap(1, [](const io_uring_cqe&) {});
  return {};
}

ring::~ring() {
  if (enter_flags_ & IORING_ENTER_REGISTERED_RING && fd_ >= 0) {
    io_uring_rsrc_update update{};
    update.offset = static_cast<unsigned>(enter_fd_);
    register_call(fd_, IORING_UNREGISTER_RING_FDS, &update, 1);
  }
  if (sqes_) munmap(sqes_, sqes_size_);
  if (queues_) munmap(queues_, queues_size_);
  if (fd_ >= 0) close(fd_);
}

int ring::enter_until(unsigned least, steady_time until) noexcept {
  unsigned flags = enter_flags_ | IORING_ENTER_EXT_ARG;
  std::chrono::nanoseconds wait = until.time_since_epoch();
  if (features_ & uring_abi::feature_min_timeout)
    flags |= uring_abi::enter_abs_timer;
  else
    wait = std::max(wait - std::chrono::steady_clock::now().time_since_epoch(),
                    std::chrono::nanoseconds::zero());
  __kernel_timespec timeout{};
  timeout.tv_sec = wait.count() / 1'000'000'000;
  timeout.tv_nsec = wait.count() % 1'000'000'000;
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uintptr_t>(&timeout);
  const long done = syscall(__NR_io_uring_enter, enter_fd_, unconsumed(), least, flags, &argument,
                            sizeof argument);
  return done < 0 ? -errno : static_cast<int>(done);
}

// There is no asking for the commands of IORING_OP_URING_CMD, which is older than those to sockets
// that it is used for: they came with the operations on futexes.
void ring::find_opcodes() noexcept {
  opcodes_are_told_ = probe_opcodes();
  if (!opcodes_are_told_)
    for (unsigned i = 0; i < IORING_OP_LAST; ++i) opcodes_.set(i);
  if (!opcodes_.test(uring_abi::op_futex_wake)) opcodes_.reset(IORING_OP_URING_CMD);
}

bool ring::probe_opcodes() noexcept {
  constexpr unsigned most = 256;
  alignas(io_uring_probe)
      std::array<std::byte, sizeof(io_uring_probe) + most * sizeof(io_uring_probe_op)>
          answer{};
  auto* probe = reinterpret_cast<io_uring_probe*>(answer.data());
  if (register_call(fd_, IORING_REGISTER_PROBE, probe, most) < 0) return false;
  for (unsigned i = 0; i < probe->ops_len; ++i)
    if (probe->ops[i].flags & IO_URING_OP_SUPPORTED) opcodes_.set(probe->ops[i].op);
  return true;
}

ring_feature_set ring::features() const noexcept {
  ring_feature_set in_use;
  const auto add = [&in_use](unsigned there, ring_feature feature) {
    if (there != 0) in_use.add(feature);
  };
  add(enter_flags_ & IORING_ENTER_REGISTERED_RING, ring_feature::registered_ring);
  add(setup_flags_ & uring_abi::setup_no_sqarray, ring_feature::no_sqarray);
  add(setup_flags_ & IORING_SETUP_DEFER_TASKRUN, ring_feature::deferred_task_work);
  add(features_ & uring_abi::feature_min_timeout, ring_feature::absolute_timeouts);
  add(features_ & uring_abi::feature_no_iowait, ring_feature::no_iowait);
  return in_use;
}

std::vector<std::string> ring::obtained() const {
  std::vector<std::string> all = {std::to_string(submissions()) + "/" +
                                  std::to_string(completions()) + " entries"};
  if (setup_flags_ & IORING_SETUP_SINGLE_ISSUER) all.emplace_back("single issuer");
  if (setup_flags_ & IORING_SETUP_COOP_TASKRUN) all.emplace_back("cooperative task work");
  return all;
}

}  // namespace gyre
