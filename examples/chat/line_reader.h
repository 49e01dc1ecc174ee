#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gyre/net/tcp.h"
#include "gyre/runtime/result.h"
#include "gyre/runtime/task.h"

namespace chat {

/// Cuts what a connection sends into lines.
class line_reader {
 public:
  /// `from` must outlive it. It keeps `line_max` bytes at most.
  line_reader(gyre::tcp_stream& from, std::size_t line_max)
      : from_(from), buffer_(line_max, '\0') {}

  /// The next line, without its end, until the next call. What came behind the last end of a line
  /// is a line as well. Control characters, which could reach into the terminal of whoever reads
  /// them, are question marks, and so are bytes that are no UTF-8. Errors: `no_message` at the end
  /// of the stream, `message_size` for a line of more than `line_max` bytes, and those of reading.
  gyre::task<gyre::result<std::string_view>> next();

 private:
  std::string_view take(std::size_t length, std::size_t end);

  gyre::tcp_stream& from_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< where what was not taken begins
  std::size_t size_ = 0;   ///< where it ends
};

}  // namespace chat
