#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "gyre/examples/kv/core.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/examples/kv/shards.h"
#include "gyre/io/run.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/scope.h"
#include "gyre/runtime/task.h"

namespace kv {

/// The server: as many cores as asked for. Each accepts connections, and has some of the shards.
class server {
 public:
  /// The settings must outlive the server.
  explicit server(const settings& settings);
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Serves until SIGTERM or SIGINT, which must be blocked in all threads, has been obeyed. Throws
  /// `std::runtime_error` with a sentence for the user when it can't start.
  void run();

  const kv::settings& settings() const noexcept { return settings_; }
  gyre::cores& cores() noexcept { return *cores_; }
  core& core_at(unsigned number) noexcept { return *all_[number]; }
  kv::shards& shards() noexcept { return shards_; }
  std::uint16_t port() const noexcept { return port_; }

 private:
  gyre::task<> serve(core& home);
  gyre::task<> serve_until_stopped(core& home);
  gyre::task<> open_shards(core& home);
  gyre::task<> lay_out(core& home);
  gyre::task<> serve_clients(core& home);
  gyre::task<gyre::tcp_listener> listen(core& home);
  gyre::task<> accept_all(core& home, gyre::tcp_listener& listener, gyre::scope& connections);
  gyre::task<> accept_until_stopped(core& home, gyre::tcp_listener& listener,
                                    gyre::scope& connections);
  gyre::task<> obey_signals();

  /// Counts the cores that have come this far; the last one sets the event on each.
  void arrive(std::atomic<unsigned>& missing, gyre::event core::* everywhere);

  const kv::settings& settings_;
  std::vector<std::unique_ptr<core>> all_;
  kv::shards shards_;
  gyre::cores* cores_ = nullptr;  // written by each core before it looks: always the same
  std::uint16_t port_ = 0;        // written by the first core before the others look
  std::atomic<unsigned> not_open_;
  std::atomic<unsigned> not_finished_;
  std::atomic<unsigned> not_ended_;
};

}  // namespace kv
