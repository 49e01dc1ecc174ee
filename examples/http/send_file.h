#pragma once

#include <chrono>

#include "gyre/examples/http/block_pool.h"
#include "gyre/examples/http/byte_ranges.h"
#include "gyre/examples/http/counters.h"
#include "gyre/examples/http/pipe_pool.h"
#include "gyre/fs/file.h"
#include "gyre/net/tcp.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace http {

/// What sending files takes from the loop it happens on.
class file_transfer {
 public:
  file_transfer(pipe_pool& pipes, block_pools& blocks, http::counters& counters,
                std::chrono::milliseconds write_time) noexcept
      : pipes(pipes), blocks(blocks), counters(counters), write_time(write_time) {}

  pipe_pool& pipes;
  block_pools& blocks;
  http::counters& counters;
  std::chrono::milliseconds write_time;  ///< until the client takes some bytes more
};

/// Sends part of a file. The bytes go from the page cache through a pipe to the socket and are
/// never copied to this process; where no pipe is to be had they go through a block of memory.
/// After an error an unknown part was sent and the connection is good for nothing but to be closed:
/// `io_error` says that the file has become shorter meanwhile, `timed_out` that the client does not
/// read.
gyre::task<gyre::result<void>> send_file(file_transfer& through, gyre::tcp_stream& to,
                                         gyre::file& from, byte_range part);

}  // namespace http
