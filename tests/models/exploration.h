#pragma once

#include <atomic>
#include <cstddef>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/tests/models/relacy_std.h"

namespace gyre::model {

/// Runs `Suite` with its threads interleaved, and its loads answered, in `iterations` random ways,
/// and says how that ended. What led to a failure is written to `history`.
template <class Suite>
std::string explore(unsigned iterations, std::ostream& history) {
  std::ostream nowhere(nullptr);
  rl::test_params params;
  params.iteration_count = iterations;
  params.output_stream = &history;
  params.progress_stream = &nowhere;
  rl::simulate<Suite>(params);
  return rl::test_result_str(params.test_result);
}

inline std::string described(const place_of_order& place, std::memory_order instead) {
  std::ostringstream words;
  words << place.file << ":" << place.line << (place.when == failed ? " (failure)" : "")
        << ": order " << static_cast<int>(place.order) << " -> " << static_cast<int>(instead);
  return words.str();
}

/// Weakens each memory order that comes along in `Suite`, and in files that have `part` in their
/// names, one at a time; names those with which all goes well all the same. Either the model is too
/// small to show what they are for, or they are stronger than need be.
template <class Suite>
std::vector<std::string> unnoticed_weakenings(unsigned iterations, std::string_view part) {
  places::forget();
  std::vector<std::string> unnoticed;
  std::ostream nowhere(nullptr);
  if (explore<Suite>(iterations, nowhere) != "SUCCESS") return {"the model itself fails"};
  bool any = false;
  for (std::size_t index = 0; index < places::count(); ++index) {
    if (std::string_view(places::at(index).file).find(part) == std::string_view::npos) continue;
    any = true;
    for (const std::memory_order instead : weaker(places::at(index).order)) {
      places::weaken(index, instead);
      if (explore<Suite>(iterations, nowhere) == "SUCCESS")
        unnoticed.push_back(described(places::at(index), instead));
      places::mend();
    }
  }
  if (!any) return {"nothing to weaken"};
  return unnoticed;
}

}  // namespace gyre::model
