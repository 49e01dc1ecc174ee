#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gyre/io/adaptive_spin.h"
#include "gyre/io/descriptor.h"
#include "gyre/io/offload_pool.h"
#include "gyre/io/operation_queue.h"
#include "gyre/runtime/backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/operation.h"
#include "gyre/runtime/result.h"

namespace gyre {

/// How the epoll backend behaves.
class epoll_options {
 public:
  epoll_options() noexcept {}

  /// How long to look for events before the thread goes to sleep, see `adaptive_spin`. 0 never
  /// looks.
  std::chrono::nanoseconds spin{0};
  /// Bound of the threads for operations that may block; more operations wait for their turn. With
  /// 0 they hold up the loop.
  unsigned threads_max = 4;
  /// Why this backend and no better one, for `report`; empty where it was asked for.
  std::string reason;
};

/// Operations as system calls: made at once, and where that answers EAGAIN once more when epoll(7)
/// says that the descriptor is ready. What blocks without a descriptor to wait for runs on a pool
/// of threads.
///
/// A descriptor is registered once, edge-triggered and for everything, when an operation first has
/// to wait for it; from then on waiting costs no system call. The registration is known by a note
/// that goes along with the descriptor: where the number was closed and given out anew, whoever did
/// it, the note is another one, and events of before are not followed.
class epoll_backend final : public backend {
 public:
  /// Fails as epoll_create1(2) and eventfd(2) do.
  static result<std::unique_ptr<epoll_backend>> create(const epoll_options& options);
  ~epoll_backend() override;

  bool submit(operation& operation) noexcept override;
  void cancel(operation& operation) noexcept override;
  void cancel_all(const descriptor_users& users) noexcept override;
  void forget(const descriptor_users& users, int fd) noexcept override;
  void poll(steady_time until) noexcept override;
  void wake() noexcept override;
  bool nonblocking() const noexcept override { return true; }
  const char* name() const noexcept override { return "epoll"; }
  backend_report report() const override;
  const backend_counters& counters() const noexcept override { return counters_; }

 private:
  static constexpr std::size_t events_max = 512;

  enum class exhaustion : std::uint8_t { unknown, tells, tells_not };

  // What is known of a descriptor, found by its number.
  struct watched {
    operation_queue reading;
    operation_queue writing;
    operation_queue polling;       // for other events, or for both directions
    std::uint32_t generation = 0;  // of the registration; 0: there is none
    bool readable = true;          // as far as is known: an attempt is worth while
    bool writable = true;
    exhaustion short_read = exhaustion::unknown;  // whether after one there is nothing more to read
    std::uint8_t events_in_vain = 0;

    operation_queue& queue(std::uint32_t direction) noexcept;
    bool* ready(std::uint32_t direction) noexcept;
    bool awaited() const noexcept;
    bool exhausted(const operation& operation, int result, int fd) noexcept;
  };

  epoll_backend(descriptor epoll, descriptor wake, const epoll_options& options);

  // The result, where there is nothing to wait for.
  using outcome = std::optional<int>;

  outcome begin(operation& operation) noexcept;
  int attempt(operation& operation) noexcept;
  outcome offload(operation& operation) noexcept;
  void performed(operation& operation, int result) noexcept;
  outcome wait_ready(operation& operation, bool offloaded) noexcept;
  void enqueue(operation& operation, int fd, std::uint32_t state) noexcept;
  void dequeue(operation& operation) noexcept;
  void end(operation& operation, int result) noexcept;

  bool knows(const operation& operation, int fd) const noexcept;
  bool is_noted(const descriptor_users& users) const noexcept;
  int watch(const operation& operation, int fd) noexcept;
  void unwatch(int fd) noexcept;

  void happened(const epoll_event& event) noexcept;
  void serve(watched& watched, std::uint32_t direction, int fd) noexcept;
  void serve_polling(watched& watched) noexcept;
  void cancel_waiting(watched& watched, const descriptor_users& users) noexcept;

  bool collect() noexcept;
  int wait_events(steady_time until) noexcept;
  int wait(steady_time until) noexcept;

  const descriptor epoll_;
  const descriptor wake_;
  bool precise_;  // epoll_pwait2(2) is there
  std::vector<watched> watched_;
  std::uint32_t last_generation_ = 0;
  std::size_t waiting_ = 0;  // operations in the queues of watched_
  std::array<epoll_event, events_max> events_;

  adaptive_spin spin_;
  backend_counters counters_;
  const std::string reason_;
  const unsigned threads_max_;
  std::unique_ptr<offload_pool> pool_;
};

}  // namespace gyre
