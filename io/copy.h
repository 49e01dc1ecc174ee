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

/// Copies from a file, a stream socket, a pipe or a character device (a terminal, /dev/zero, …) to
/// one of these, and gives how many bytes it was: fewer than asked for only where the source ended.
/// The kernel moves them: from file to file by copy_file_range(2), in parts of 16 MiB; into or out
/// of a pipe by splice(2), in parts of at most 1 MiB; and otherwise, also where the file systems
/// can't do the former, by splice(2) through a pipe of 64 KiB. What can't be spliced (devices,
/// files in /proc) goes through a buffer of 64 KiB.
///
/// After an error or a stop an unknown part has been copied, and what was taken from a stream may
/// be lost. Errors are those of these system calls, `invalid_argument` for a part of a file that
/// would overlap with itself, for the two ends of one pipe and for a file that was opened with
/// O_APPEND as the sink, and `operation_not_supported` for directories and block devices.
///
/// Both must be open until it has ended; nobody else may read from a source that is a stream, or
/// write to the sink, unless that is a terminal. A sink that is neither file nor terminal is
/// O_NONBLOCK meanwhile (see `tcp_stream::allow_splice`), and so is a source that is a device: that
/// shows where others share them, as they do standard streams. Other operations work all the same.
/// On its loop's thread only.
task<result<std::uint64_t>> copy(descriptor& source, descriptor& sink,
                                 copy_options options = copy_options());

}  // namespace gyre
