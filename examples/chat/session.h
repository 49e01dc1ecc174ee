#pragma once

#include "gyre/examples/chat/hall.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/task.h"

namespace chat {

/// One member, from their connection to its end.
gyre::task<> serve(gyre::tcp_stream stream, hall& hall);

}  // namespace chat
