#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "gyre/io/run.h"
#include "gyre/net/endpoint.h"
#include "gyre/net/server.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/event.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

// What servers on several cores do alike. Each core has its own part of a server and runs it; these
// are the few places where they meet.
namespace serving {

/// A point that all cores come to. Whoever waits there goes on when the last has come.
class arrival {
 public:
  explicit arrival(unsigned cores) : missing_(cores), complete_(cores) {}

  /// This core has come.
  void arrive(gyre::cores& cores);
  /// On the loop of `core`.
  gyre::event::waiter wait(unsigned core) noexcept { return complete_[core].wait(); }

 private:
  std::atomic<unsigned> missing_;
  std::vector<gyre::event> complete_;  // one for each core
};

/// The port that all cores listen on: the first takes it, if it is free, the others share it
/// (SO_REUSEPORT), and the kernel spreads connections over them.
class shared_port {
 public:
  explicit shared_port(unsigned cores) : known_(cores) {}

  /// A listener for `core`; the first says where. Throws as `serving::listen` does.
  gyre::task<gyre::tcp_listener> listen(gyre::cores& cores, unsigned core, gyre::endpoint local);
  /// Once any core listens.
  std::uint16_t number() const noexcept { return number_; }

 private:
  std::vector<gyre::event> known_;  // one for each core
  std::uint16_t number_ = 0;        // written by the first before the others look
};

/// A listener at `local`. Throws `std::runtime_error` with a sentence for the user.
gyre::tcp_listener listen(const gyre::endpoint& local,
                          const gyre::listen_options& options = gyre::listen_options());
/// Says where it listens, which others wait to read.
void announce(const gyre::tcp_listener& listener);

/// How connections are accepted: what goes wrong with one is said on standard error, by `name`, and
/// is not the others'.
gyre::server_options accept_options(const char* name, std::size_t connections_max,
                                    std::chrono::nanoseconds drain_time);
/// Throws `std::runtime_error` where a server ended because it can't accept connections any more.
void check_end(const gyre::result<void>& ended);

/// The first SIGTERM or SIGINT, which must be blocked in all threads, calls `drain`, the second
/// `stop`. Until then, or until the task is asked to stop.
gyre::task<> obey_signals(std::function<void()> drain, std::function<void()> stop);

/// What each core runs, and what a signal does there.
using main_task = std::function<gyre::task<>(gyre::cores& cores, unsigned core)>;
using signal_handler = std::function<void(unsigned core)>;

/// Runs `serve(cores, core)` on each core until all have ended, and obeys signals: the first calls
/// `drain(core)` on each, the second `stop(core)`.
void run_until_signalled(const gyre::run_options& options, const main_task& serve,
                         const signal_handler& drain, const signal_handler& stop);

}  // namespace serving
