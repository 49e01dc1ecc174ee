#pragma once

#include <cstdint>

#include "gyre/io/descriptor.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace gyre {

/// What is copied, and where to.
class copy_options {
 public:
  copy_options() noexcept {}

  /// Where to begin in a source that is a file. Streams begin where they are.
  std::uint64_t source_offset = 0;
  /// Where to begin in a sink that is a file.
  std::uint64_t sink_offset = 0;
  /// Bytes to be copied at most; otherwise until the source ends.
  std::uint64_t length = UINT64_MAX;
};

/// Copies from a file, a stream socket or a pipe to a file or a stream socket, and gives how many
/// bytes it was: fewer than asked for only where the source ended. The kernel moves them: from file
/// to file by copy_file_range(2), in parts of 16 MiB, and where the file systems can't, as anywhere
/// else, by splice(2) through a pipe of 64 KiB, which a file that can't be spliced is read into. No
/// more than that is on its way at any time.
///
/// After an error or a stop an unknown part has been copied, and what was taken from a stream may
/// be lost. Errors are those of these system calls, `invalid_argument` for a part of a file that
/// would overlap with itself and for a sink that was opened with O_APPEND, and
/// `operation_not_supported` where source or sink is nothing of the above.
///
/// Both must be open until it has ended; nobody else may read from a source that is a stream, or
/// write to the sink. A sink that is a socket is O_NONBLOCK meanwhile (see
/// `tcp_stream::allow_splice`); other operations on it work all the same. On its loop's thread
/// only.
task<result<std::uint64_t>> copy(descriptor& source, descriptor& sink,
                                 copy_options options = copy_options());

}  // namespace gyre
