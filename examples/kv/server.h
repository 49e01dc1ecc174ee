#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gyre/examples/kv/core.h"
#include "gyre/examples/kv/settings.h"
#include "gyre/examples/kv/shards.h"
#include "gyre/examples/serving/cores.h"
#include "gyre/io/run.h"
#include "gyre/runtime/semaphore.h"
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
  std::uint16_t port() const noexcept { return port_.number(); }

 private:
  gyre::task<> serve(gyre::cores& cores, core& home);
  gyre::task<> open_shards(core& home);
  gyre::task<> lay_out(core& home);
  gyre::task<> serve_clients(gyre::cores& cores, core& home);
  static void drain(core& home) noexcept;

  const kv::settings& settings_;
  gyre::cross_semaphore connections_;  // that may be open on all cores together
  std::vector<std::unique_ptr<core>> all_;
  kv::shards shards_;
  serving::shared_port port_;
  serving::arrival all_open_;      // all shards of all cores
  serving::arrival all_finished_;  // no client asks any shard for anything any more
  gyre::cores* cores_ = nullptr;   // written by the first core before the others look
};

}  // namespace kv
