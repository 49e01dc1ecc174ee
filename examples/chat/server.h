#pragma once

#include "gyre/examples/chat/settings.h"
#include "gyre/runtime/task.h"

namespace chat {

/// Serves until SIGTERM or SIGINT: then nobody else is let in, all are told, what waits for them is
/// written, and those who have not taken it in `drain_time`, or by a second signal, are cut off.
/// Both signals must be blocked. Throws `std::runtime_error` when it can't listen.
gyre::task<> serve(const settings& settings);

}  // namespace chat
