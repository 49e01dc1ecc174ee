#pragma once

#include <string>

namespace gyre {

/// docs/operations.md: every operation of the catalogue, and how each backend runs it.
std::string operations_table();

}  // namespace gyre
