#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gyre/io/descriptor.h"
#include "gyre/io/offload_pool.h"
#include "gyre/io/operation_queue.h"
#include "gyre/io/poll_thread.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// How the backend of threads behaves.
class thread_options {
 public:
  thread_options() noexcept {}

  /// Bound of the threads that make system calls; one more waits for descriptors. With 0 they are
  /// made on the loop's own.
  unsigned threads_max = 4;
  /// Why this backend and no better one, for `report`; empty where it was asked for.
  std::string reason;
};

/// Operations as system calls on a bounded pool of threads; one more thread waits by poll(2) for
/// what answers EAGAIN, so that no number of waiting operations uses up the pool. It needs neither
/// io_uring nor epoll: the last resort, and what the others' results are compared with.
class thread_backend final : public backend {
 public:
  /// Fails as eventfd(2) does.
  static result<std::unique_ptr<thread_backend>> create(const thread_options& options);
  ~thread_backend() override;

  bool submit(operation& operation) noexcept override;
  void cancel(operation& operation) noexcept override;
  void cancel_all(const descriptor_users& users) noexcept override;
  void poll(steady_time until) noexcept override;
  void wake() noexcept override;
  bool nonblocking() const noexcept override { return true; }
  const char* name() const noexcept override { return "threads"; }
  backend_report report() const override;
  const backend_counters& counters() const noexcept override { return counters_; }

 private:
  // Operations on one descriptor in one direction run one after the other, as they came.
  struct lane {
    operation* running = nullptr;
    operation_queue queued;
  };
  // The lanes of a descriptor, found by its number.
  struct lanes {
    lane reading;
    lane writing;
  };

  // The result, where there is nothing to wait for.
  using outcome = std::optional<int>;

  thread_backend(descriptor wake, const thread_options& options);

  outcome begin(operation& operation) noexcept;
  outcome perform(operation& operation) noexcept;
  outcome performed(operation& operation, int result) noexcept;
  outcome resumed(operation& operation, int error) noexcept;
  void end(operation& operation, outcome result) noexcept;

  bool has_lanes(std::uint32_t fd) noexcept;
  lane* lane_of(const operation& operation) noexcept;
  operation* leave_lane(operation& operation) noexcept;
  void cancel_queued(lane& lane, const descriptor_users& users) noexcept;
  bool collect() noexcept;
  void sleep(steady_time until) noexcept;

  const descriptor wake_;
  std::vector<lanes> lanes_;
  std::size_t in_flight_ = 0;
  backend_counters counters_;
  const std::string reason_;
  const unsigned threads_max_;
  std::unique_ptr<offload_pool> pool_;
  std::unique_ptr<poll_thread> poller_;
};

}  // namespace gyre
