#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "gyre/examples/serving/settings.h"

namespace http {

/// What a client may use, in bytes, connections and time. Whoever goes beyond is answered with the
/// status that fits, or dropped where no answer would be read.
class limits {
 public:
  limits() noexcept {}

  std::size_t head_max = 16 << 10;               ///< request line and header fields; else 431
  std::size_t target_max = 8 << 10;              ///< the request's URI; else 414
  std::size_t body_max = 1 << 20;                ///< of a request, read and dropped; else 413
  std::size_t connections_max = 10'000;          ///< open at a time; more wait to be accepted
  std::chrono::milliseconds head_time{10'000};   ///< from the first byte of a head to its last
  std::chrono::milliseconds body_time{30'000};   ///< from there to the last byte of the body
  std::chrono::milliseconds idle_time{60'000};   ///< between an answer and the next request
  std::chrono::milliseconds write_time{30'000};  ///< until the client takes some bytes more
  std::chrono::milliseconds drain_time{5'000};   ///< to finish what is in progress on SIGTERM
};

/// What the user asked for on the command line.
class settings : public serving::settings {
 public:
  settings() noexcept {}

  std::string root = ".";
  /// Of a core's time, for listings, /metrics and /tasks; all else has 100. 0: they have their turn
  /// like all else.
  unsigned background_shares = 0;
  http::limits limits;
};

}  // namespace http
