#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gyre/io/adaptive_spin.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/direct_table.h"
#include "gyre/io/kill_switches.h"
#include "gyre/io/offload_pool.h"
#include "gyre/io/operation_queue.h"
#include "gyre/io/ring.h"
#include "gyre/io/ring_feature.h"
#include "gyre/io/wake_word.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// How the io_uring backend behaves.
class uring_options {
 public:
  uring_options() noexcept {}

  ring_size size;
  /// How long to look for completions before the thread goes to sleep, see `adaptive_spin`. 0 never
  /// looks.
  std::chrono::nanoseconds spin{0};
  /// Bound of the operations in flight, at least 1; more wait until one of them has ended. A read
  /// that waits for a peer counts.
  std::uint32_t in_flight_max = 1U << 20;
  /// Bound of the threads for operations that may block; more operations wait for their turn. With
  /// 0 they hold up the loop.
  unsigned threads_max = 4;
  /// Opcodes to do without though the kernel has them: their operations are emulated.
  opcode_set without;
  /// Features to do without, likewise.
  ring_feature_set without_features;
};

/// Operations as io_uring submissions; what blocks in system calls runs on a pool of threads. All
/// that a turn of the loop submits is passed on by the one io_uring_enter(2) that also waits.
class uring_backend final : public backend {
 public:
  /// Fails as `ring::create` does, with `invalid_argument` for a bound of 0, and with
  /// `operation_not_supported` without `indispensable`. Does without `also_without` too, which the
  /// report ascribes to GYRE_WITHOUT.
  static result<std::unique_ptr<uring_backend>> create(
      const uring_options& options, const kill_switches& also_without = kill_switches());
  ~uring_backend() override;

  bool submit(operation& operation) noexcept override;
  bool submit_linked(std::span<operation* const> operations, link_kind kind) noexcept override;
  void cancel(operation& operation) noexcept override;
  void cancel_all(const descriptor_users& users) noexcept override;
  void poll(steady_time until) noexcept override;
  bool looks() const noexcept override { return spin_.enabled(); }
  bool look(steady_time until, const inbox& messages) noexcept override;
  void wake() noexcept override;
  int take_direct_slot() noexcept override;
  void return_direct_slot(int slot) noexcept override { direct_.give_back(slot); }
  /// The opcodes that all others rest on: nop, poll_add, async_cancel and read.
  static opcode_set indispensable() noexcept;
  /// What is emulated must not block.
  bool nonblocking() const noexcept override { return nonblocking_; }
  const char* name() const noexcept override { return "uring"; }
  backend_report report() const override;
  const backend_counters& counters() const noexcept override { return counters_; }

 private:
  // A completion names its operation by slot and generation: one that is late or comes twice finds
  // another generation there, and is counted instead of followed.
  struct slot {
    static constexpr std::uint32_t generation_bit = 1U << 31;

    class operation* operation = nullptr;  // null in those that are free
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };

  uring_backend(std::unique_ptr<ring> ring, descriptor wake, const uring_options& options,
                const kill_switches& also_without);

  bool switched_off(ring_feature feature) const noexcept {
    return options_.without_features.has(feature) || also_without_.features.has(feature);
  }
  ring_policy policy_of(const operation_kind& kind) const noexcept;
  bool submit_slowly(operation& operation) noexcept;
  int perform(operation& operation) noexcept;
  std::optional<int> offload(operation& operation) noexcept;
  void offload_again(operation& operation) noexcept;
  void performed(operation& operation, int result) noexcept;
  bool collect() noexcept;
  bool has_room(std::size_t count = 1) noexcept;
  bool grow() noexcept;
  bool has_slots(std::size_t count) const noexcept;
  slot& take_slot(operation& operation) noexcept;
  void start(operation& operation, ring_policy policy) noexcept;
  io_uring_sqe& submit_entry(operation& operation) noexcept;
  void submit_again() noexcept;
  bool submit_cancel(const operation& operation) noexcept;
  void cancel_failed(std::uint32_t slot, int error) noexcept;
  io_uring_sqe* next_submission() noexcept;
  void arm_wake() noexcept;
  slot* slot_of(std::uint64_t user_data) noexcept;
  void completed(const io_uring_cqe& cqe) noexcept;
  void completed_otherwise(std::uint64_t user_data, int result) noexcept;
  void end(slot& slot, int result) noexcept;
  void end_linked(slot& slot, int result) noexcept;
  void repeat(operation& operation) noexcept;
  void enqueue(operation& operation) noexcept;
  void release(slot& slot) noexcept;
  void enter(unsigned least, steady_time until) noexcept;
  void enter_failed(int error, bool waits) noexcept;
  void submit_now() noexcept;
  void sleep(steady_time until) noexcept;

  std::unique_ptr<ring> ring_;
  direct_table direct_;
  const uring_options options_;
  const kill_switches also_without_;
  const opcode_set usable_;
  const bool links_;
  const bool direct_usable_;
  const bool nonblocking_;
  const unsigned kept_for_cancels_;
  std::vector<slot> slots_;
  std::uint32_t first_free_;

  operation_queue backlog_;      // waiting for room
  operation_queue cancels_due_;  // in flight, to be cancelled when there is room or once more
  steady_time cancel_again_at_ = steady_time::min();

  adaptive_spin spin_;
  descriptor wake_;
  std::uint64_t wake_count_ = 0;
  bool wake_armed_ = false;
  wake_word look_;
  backend_counters counters_;
  offload_pool pool_;  // the last: its threads wake this backend until they end
};

}  // namespace gyre
