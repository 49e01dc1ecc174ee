#pragma once

#include <benchmark/benchmark.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace micro {

/// What a row's time is taken from.
enum class row_clock {
  cpu,     ///< processor time of the thread: nobody else takes part, and interruptions don't count
  real,    ///< for rows with two threads
  manual,  ///< the row says by State::SetIterationTime; of a part of each iteration
};

/// One way to do what a row measures: a Google Benchmark function.
class contender {
 public:
  contender(std::string name, void (*run)(benchmark::State&)) : name(std::move(name)), run(run) {}

  std::string name;
  void (*run)(benchmark::State&);
};

/// A thing that is measured, done by several contenders; the first is what the others are compared
/// with. A row is a file with one of these at namespace scope, and its aim, if any, in aims.py.
class row {
 public:
  row(std::string name, row_clock clock, std::initializer_list<contender> contenders);

  /// All that were made, in no particular order.
  static std::vector<row*>& all();

  /// Registers its contenders with Google Benchmark as ROW/CONTENDER, beginning with the one at
  /// `first`, counted round; for `iterations` of each, or as many as take long enough where that
  /// is 0.
  void announce(unsigned first, long iterations) const;

  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  row_clock clock_;
  std::vector<contender> contenders_;
};

}  // namespace micro
