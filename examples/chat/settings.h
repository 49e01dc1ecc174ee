#pragma once

#include <chrono>
#include <cstddef>

#include "gyre/examples/serving/settings.h"

namespace chat {

/// What is done with a member who reads more slowly than the others in the room write.
enum class slow_reader {
  leaves,  ///< the connection is reset
  misses   ///< what finds the queue full is lost for that member, who is told how many lines
};

/// What a member may use, in bytes, lines and time.
class limits {
 public:
  limits() noexcept {}

  std::size_t line_max = 1'024;                  ///< bytes of a line that a member sends
  std::size_t queue_max = 256;                   ///< lines that wait for a member to read them
  std::size_t members_max = 10'000;              ///< connected at a time; more wait to be accepted
  std::chrono::milliseconds write_time{30'000};  ///< until a member takes some kilobytes
  std::chrono::milliseconds drain_time{5'000};   ///< to write what waits, on SIGTERM
};

/// What the user asked for on the command line.
class settings : public serving::settings {
 public:
  settings() noexcept {}

  chat::limits limits;
  chat::slow_reader slow_reader = slow_reader::leaves;
};

}  // namespace chat
