#pragma once

#include <memory>
#include <vector>

#include "gyre/examples/http/core.h"
#include "gyre/examples/http/mime_types.h"
#include "gyre/examples/http/settings.h"
#include "gyre/examples/serving/cores.h"
#include "gyre/io/run.h"
#include "gyre/runtime/semaphore.h"
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
  gyre::task<> serve(gyre::cores& cores, core& home);
  static void drain(core& home) noexcept;

  const settings& settings_;
  mime_types types_;
  gyre::cross_semaphore connections_;  // that may be open on all cores together
  std::vector<std::unique_ptr<core>> all_;
  serving::shared_port port_;
  gyre::cores* cores_ = nullptr;  // written by the first core before it listens
};

}  // namespace http
