#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "gyre/examples/serving/settings.h"

namespace kv {

/// What a client may use, in bytes, connections and time.
class limits {
 public:
  limits() noexcept {}

  std::size_t value_max = 1 << 20;               ///< bytes of a value, or of any other argument
  std::size_t arguments_max = 1024;              ///< of a command
  std::size_t connections_max = 10'000;          ///< open at a time; more wait to be accepted
  std::chrono::milliseconds write_time{30'000};  ///< until the client takes its replies
  std::chrono::milliseconds drain_time{5'000};   ///< to finish what is in progress on SIGTERM
};

/// What the user asked for on the command line.
class settings : public serving::settings {
 public:
  settings() noexcept {}

  std::string directory;
  unsigned shards = 0;  ///< of a new directory; 0 is one for each core
  bool sync = true;     ///< replies wait for the disk
  /// A log is written anew when it is larger than this and most of it is dead.
  std::uint64_t compact_min = 16 << 20;
  kv::limits limits;
};

}  // namespace kv
