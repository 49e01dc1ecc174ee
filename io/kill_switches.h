#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gyre/io/ring.h"
#include "gyre/io/ring_feature.h"

namespace gyre {

/// What the io_uring backend is to do without though the kernel has it.
class kill_switches {
 public:
  kill_switches() noexcept {}

  opcode_set opcodes;
  ring_feature_set features;

  /// Adds what `names` says, with commas between them: operations of docs/operations.md that have
  /// opcodes, for which they stand, and `ring_features`. Gives what is wrong with the first name
  /// that is neither, as the end of a sentence, or nothing.
  std::optional<std::string> add(std::string_view names);
};

}  // namespace gyre
