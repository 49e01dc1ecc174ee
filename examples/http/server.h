#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "gyre/examples/http/core.h"
#include "gyre/examples/http/mime_types.h"
#include "gyre/examples/http/settings.h"
#include "gyre/io/run.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace http {

/// The server: as many cores as asked for, which share the port and the settings and nothing else.
class server {
 public:
  /// The settings must outlive the server.
  explicit server(const settings& settings);
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Serves until SIGTERM or SIGINT, which must be blocked in all threads, has been obeyed. Throws
  /// `std::runtime_error` with a sentence for the user when it can't start.
  void run();

  gyre::cores& cores() noexcept { return *cores_; }
  core& core_at(unsigned number) noexcept { return *all_[number]; }

 private:
  gyre::task<> serve(core& home);
  gyre::task<> serve_until_stopped(core& home);
  gyre::task<gyre::tcp_listener> listen(core& home);
  gyre::task<> accept_all(core& home, gyre::tcp_listener& listener, gyre::scope& connections);
  gyre::task<> accept_until_stopped(core& home, gyre::tcp_listener& listener,
                                    gyre::scope& connections);
  gyre::task<> obey_signals();
  void report_end(core& home);

  const settings& settings_;
  mime_types types_;
  std::vector<std::unique_ptr<core>> all_;
  gyre::cores* cores_ = nullptr;  // written by each core before it looks: always the same
  std::uint16_t port_ = 0;        // written by the first core before the others look
  std::atomic<unsigned> serving_;
};

}  // namespace http
