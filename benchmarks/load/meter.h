// What is counted while the load runs.
#ifndef GYRE_BENCHMARKS_LOAD_METER_H_
#define GYRE_BENCHMARKS_LOAD_METER_H_

#include <array>
#include <cstdint>
#include <string>

#include "gyre/benchmarks/load/histogram.h"

namespace gyre::load {

class meter {
 public:
  // An answer is complete. `started`: when its request was handed to the kernel. `turn`: when its
  // connection's last answer was complete (or it began to connect); is set to `now`.
  void completed(std::uint64_t started, std::uint64_t& turn, std::uint64_t now) {
    total_++;
    waited(now - turn);
    if (now - last_ > longest_silence_ && last_ != 0) longest_silence_ = now - last_;
    last_ = turn = now;
    if (measuring_) latency_.record(now - started);
  }

  // A connection has waited this long since its last answer.
  void waited(std::uint64_t ns) {
    std::uint64_t& longest = measuring_ ? longest_wait_ : longest_early_wait_;
    if (ns > longest) longest = ns;
  }

  void status(int code) { statuses_[static_cast<std::size_t>(code)]++; }
  void reconnected() { reconnects_++; }

  // Counts an error; the first one's sentence is kept.
  void failed(const std::string& what);

  void start_measuring() {
    measuring_ = true;
    longest_silence_ = 0;
  }

  const histogram& latency() const { return latency_; }
  std::uint64_t messages() const { return latency_.count(); }
  std::uint64_t total() const { return total_; }
  std::uint64_t errors() const { return errors_; }
  const std::string& first_error() const { return first_error_; }
  std::uint64_t reconnects() const { return reconnects_; }

  // The longest that any one connection waited for its turn: between two of its answers, or
  // until now for those that still wait. Before and within the measured time.
  std::uint64_t longest_early_wait() const { return longest_early_wait_; }
  std::uint64_t longest_wait() const { return longest_wait_; }

  // The longest time in which no connection at all got an answer: as long as the longest wait,
  // it tells of a machine that stood still rather than of an unfair server.
  std::uint64_t longest_silence() const { return longest_silence_; }

  static constexpr int statuses_end = 1000;
  std::uint64_t count_of(int code) const { return statuses_[static_cast<std::size_t>(code)]; }

 private:
  histogram latency_;
  bool measuring_ = false;
  std::uint64_t total_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t longest_wait_ = 0;
  std::uint64_t longest_early_wait_ = 0;
  std::uint64_t longest_silence_ = 0;
  std::uint64_t reconnects_ = 0;
  std::uint64_t errors_ = 0;
  std::string first_error_;
  std::array<std::uint64_t, statuses_end> statuses_{};
};

}  // namespace gyre::load

#endif  // GYRE_BENCHMARKS_LOAD_METER_H_
