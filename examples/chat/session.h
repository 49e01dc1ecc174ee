#pragma once

#include "gyre/examples/chat/hall.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/semaphore.h"
#include "gyre/runtime/task.h"

namespace chat {

/// One member, from their connection to its end. `place` is given back then.
gyre::task<> serve(gyre::tcp_stream stream, hall& hall, gyre::semaphore::permits place);

}  // namespace chat
