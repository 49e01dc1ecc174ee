#include "gyre/benchmarks/micro/rows.h"

#include <utility>

namespace micro {

row::row(std::string name, row_clock clock, std::initializer_list<contender> contenders)
    : name_(std::move(name)), clock_(clock), contenders_(contenders) {
  all().push_back(this);
}

std::vector<row*>& row::all() {
  static std::vector<row*> rows;
  return rows;
}

void row::announce(unsigned first, long iterations) const {
  for (std::size_t i = 0; i < contenders_.size(); ++i) {
    const contender& each = contenders_[(first + i) % contenders_.size()];
    auto* made = benchmark::RegisterBenchmark((name_ + "/" + each.name).c_str(), each.run);
    if (clock_ == row_clock::real) made->UseRealTime();
    if (clock_ == row_clock::manual) made->UseManualTime();
    if (iterations > 0) made->Iterations(iterations);
  }
}

}  // namespace micro
