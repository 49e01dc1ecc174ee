#pragma once

#include <vector>

#include "gyre/runtime/operation.h"

namespace gyre {

/// All kinds of operations that there are, by families.
std::vector<const operation_kind*> catalogue();

}  // namespace gyre
