#pragma once

#include <string_view>

#include "gyre/io/kill_switches.h"
#include "gyre/io/ring.h"
#include "gyre/io/uring_backend.h"
#include "gyre/runtime/backend_report.h"
#include "gyre/runtime/operation.h"

namespace gyre {

/// How the io_uring backend carries out an operation whose opcode it can't use.
std::string_view emulation_of(const operation_kind& kind) noexcept;

/// What the io_uring backend says about itself. `had` are the opcodes that the kernel has;
/// `also_without` comes from GYRE_WITHOUT.
backend_report report_of(const ring& ring, const opcode_set& had, const uring_options& options,
                         const kill_switches& also_without, bool direct_table_refused);

}  // namespace gyre
