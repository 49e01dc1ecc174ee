#pragma once

#include <string>

namespace serving {

/// For --stats: what the loop on this thread did, its operations, its latency classes and its
/// backend, some lines.
std::string loop_stats();

/// The quirks of this kernel, a line on standard output.
void print_quirks();

}  // namespace serving
